from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latkit.devices.target import program

PROGRAMS = ["lease_holder.py", "probe.py", "tuner.py"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_python_3_8_can_read_it(name: str):
    ast.parse(program(name).read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_needs_the_standard_library_alone(name: str):
    tree = ast.parse(program(name).read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def probe(modules: str, folder: Path, wanted: str = "", **environment: str) -> dict[str, object]:
    output = subprocess.run(
        [sys.executable, "-", modules, str(folder), wanted],
        input=program("probe.py").read_bytes(),
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
    assert probe("json", tmp_path)["program"] is None


def test_holder_refuses_a_second_and_ends_with_its_input(tmp_path: Path):
    command = [sys.executable, str(program("lease_holder.py")), f"latkit-test-{tmp_path}", "me"]
    first = subprocess.Popen(
        [*command, "0", "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout
        assert first.stdin
        assert json.loads(first.stdout.readline()) == {"state": "held"}
        second = subprocess.run([*command, "0", "60"], input="", capture_output=True, check=True)
        assert json.loads(second.stdout) == {"state": "busy", "holder": "me"}
        first.stdin.close()
        assert first.wait(10) == 0
