"""What a device says of itself before anything is put there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from latkit.devices.runners import runner_file


def probe(modules: str, folder: Path, wanted: str = "", **environment: str) -> dict[str, object]:
    output = subprocess.run(
        [sys.executable, "-", modules, str(folder), wanted],
        input=runner_file("probe.py").read_bytes(),
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
    ).stdout
    answer = json.loads(output)
    assert isinstance(answer, dict)
    return answer


def test_probe_tells_what_is_there(tmp_path: Path):
    facts = probe("onnxruntime", tmp_path / "not" / "made" / "yet")
    assert facts["python"] == list(sys.version_info[:3])
    assert "CPUExecutionProvider" in facts["providers"]
    assert facts["runtime"]
    assert facts["cpus"] == sorted(os.sched_getaffinity(0))
    assert isinstance(facts["free_bytes"], int)


def test_probe_tells_absent_from_broken(tmp_path: Path):
    assert probe("no_such_runtime", tmp_path)["runtime"] is None
    (tmp_path / "halfway.py").write_text("import no_such_library")
    facts = probe("halfway", tmp_path, PYTHONPATH=str(tmp_path))
    assert facts["runtime"] == "broken: No module named 'no_such_library'"
    assert facts["providers"] is None


def test_probe_takes_the_first_module_that_is_there(tmp_path: Path):
    facts = probe("no_such_runtime.interpreter,onnxruntime", tmp_path)
    assert facts["module"] == "onnxruntime"
    assert "CPUExecutionProvider" in facts["providers"]
    absent = probe("no_such_runtime.interpreter,nor_this", tmp_path)
    assert (absent["module"], absent["runtime"]) == ("no_such_runtime", None)


def test_probe_finds_a_program(tmp_path: Path):
    assert str(probe("json", tmp_path, "sh")["program"]).endswith("/sh")
    assert probe("json", tmp_path, "no-such-program")["program"] is None
    facts = probe("", tmp_path, "sh")
    assert facts["program"]
    assert facts["runtime"] is facts["providers"] is None
