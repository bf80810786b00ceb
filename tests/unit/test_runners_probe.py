"""What a device says of itself before anything is put there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from latkit.devices.facts import Facts
from latkit.devices.runners import runner_file


def probe(folder: Path, program: str = "", processors: str = "", cwd: Path | None = None) -> Facts:
    output = subprocess.run(
        [sys.executable, "-I", "-", str(folder), program, processors],
        input=runner_file("probe.py").read_bytes(),
        cwd=cwd,
        capture_output=True,
        check=True,
    ).stdout
    return Facts.model_validate(json.loads(output))


def test_it_tells_what_is_there(tmp_path: Path):
    facts = probe(tmp_path / "not" / "made" / "yet")
    assert facts.python == sys.version_info[:3]
    assert facts.machine == facts.kernel == os.uname().machine
    assert facts.libc
    assert facts.cpus == tuple(sorted(os.sched_getaffinity(0)))
    assert facts.free_bytes
    assert facts.writable
    assert facts.pinned is None


def test_nothing_in_the_working_directory_is_taken_for_a_module(tmp_path: Path):
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    assert probe(tmp_path, cwd=tmp_path).cpus


def test_it_finds_a_program(tmp_path: Path):
    assert (probe(tmp_path, "sh").program or "").endswith("/sh")
    assert probe(tmp_path, "no-such-program").program is None
    (tmp_path / "text").touch()
    facts = probe(tmp_path, f"{tmp_path}/text")
    assert (facts.program, facts.program_exists) == (None, True)


def test_it_tries_the_processors(tmp_path: Path):
    first = min(os.sched_getaffinity(0))
    assert probe(tmp_path, "", str(first)).pinned == (first,)
    assert probe(tmp_path, "", f"{first},60000").pinned == (first,)
    assert probe(tmp_path, "", "60000").pinned == ()
