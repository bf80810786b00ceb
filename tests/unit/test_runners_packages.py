"""Which packages a device says can be imported there, whatever that does to the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latkit.devices.facts import Package, Packages
from latkit.devices.runners import runner_file


def packages(*names: str, path: Path | None = None) -> Packages:
    output = subprocess.run(
        [sys.executable, str(runner_file("packages.py")), *names],
        env={**os.environ, "PYTHONPATH": str(path or "")},
        capture_output=True,
        check=True,
    ).stdout
    return Packages.model_validate(json.loads(output))


def package(name: str, path: Path | None = None) -> Package:
    (found,) = packages(name, path=path).modules
    return found


def test_it_tells_what_is_there():
    numpy, runtime = packages("numpy", "onnxruntime").modules
    assert numpy.works
    assert numpy.version
    assert (runtime.name, runtime.works) == ("onnxruntime", True)
    assert "CPUExecutionProvider" in (runtime.providers or ())


def test_absent_is_not_broken(tmp_path: Path):
    assert package("no_such_runtime").place is None
    (tmp_path / "halfway.py").write_text("import no_such_library")
    found = package("halfway", tmp_path)
    assert found.place == f"{tmp_path}/halfway.py"
    assert found.detail == "ModuleNotFoundError: No module named 'no_such_library'"


def test_a_folder_is_no_package(tmp_path: Path):
    (tmp_path / "some_runtime").mkdir()
    assert package("some_runtime", tmp_path).place is None


def test_the_first_that_is_there_counts():
    assert package("no_such_runtime.interpreter,onnxruntime").name == "onnxruntime"
    absent = package("no_such_runtime.interpreter,nor_this")
    assert (absent.name, absent.place) == ("no_such_runtime", None)


@pytest.mark.parametrize("signal", ["SIGILL", "SIGSEGV", "SIGBUS", "SIGABRT"])
def test_one_that_kills_its_process(tmp_path: Path, signal: str):
    (tmp_path / "deadly.py").write_text(
        f"__version__ = '1.2'\nimport os, signal\nos.kill(os.getpid(), signal.{signal})\n"
    )
    found = package("deadly", tmp_path)
    assert (found.kind, found.detail) == ("crash", f"died of {signal}")
    assert packages("deadly", "numpy", path=tmp_path).modules[1].works


def test_one_that_ends_its_process(tmp_path: Path):
    (tmp_path / "leaving.py").write_text("raise SystemExit(0)")
    assert not package("leaving", tmp_path).works
