"""The check-up of a device that is asked for real: this computer, with programs for its Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from latkit.devices import facts
from latkit.devices.check import check
from latkit.devices.profile import Profile, create
from latkit.devices.transport import CommandResult
from latkit.devices.transport.local import LocalTransport


@pytest.fixture(autouse=True)
def _no_override(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LATKIT_SSH_CONFIG", raising=False)


def local(folder: Path, **values: object) -> Profile:
    return create({"name": "here", "transport": "local", "remote_dir": f"{folder}/d", **values})


def test_this_computer(tmp_path: Path):
    findings = {finding.name: finding for finding in check(local(tmp_path))}
    assert findings["connection"].detail == "this computer"
    assert findings["python"].level == findings["runtime"].level == "ok"
    assert set(findings) >= {"provider", "disk", "processors", "governor", "load", "memory"}


def test_an_unknown_runtime(tmp_path: Path):
    (finding,) = check(local(tmp_path, runtime="onxruntime"))
    assert (finding.name, finding.level) == ("runtime", "problem")
    assert finding.detail == "unknown runtime 'onxruntime'"
    assert "did you mean 'onnxruntime'?" in (finding.hint or "")


def test_no_python(tmp_path: Path):
    findings = check(local(tmp_path, python="latkit-no-such-python"))
    assert [finding.level for finding in findings] == ["ok", "problem"]
    assert "there is no latkit-no-such-python" in findings[1].detail
    assert "apt-get install python3" in (findings[1].hint or "")


def test_something_else_than_python(tmp_path: Path):
    for command in ("true", "cat"):
        finding = check(local(tmp_path, python=command))[-1]
        assert (finding.name, finding.level) == ("python", "problem")


def scripted_python(folder: Path, script: str) -> str:
    """The path of a program that is called as Python is."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return str(python)


def failing_python(folder: Path, version: str, said: str) -> str:
    """One that tells its version, and does nothing else."""
    return scripted_python(
        folder, f'[ "$1" = --version ] && echo Python {version} && exit\necho {said} >&2; exit 1'
    )


def test_a_python_too_old_to_be_asked(tmp_path: Path):
    old = failing_python(tmp_path, "2.7.18", "SyntaxError")
    finding = check(local(tmp_path, python=old))[-1]
    assert "is Python 2.7.18: SyntaxError; Python 3.8 or newer is needed" in finding.detail
    assert "uv venv --python 3.11" in (finding.hint or "")


def test_a_python_that_the_system_lets_do_nothing(tmp_path: Path):
    """As where its user may start no more processes."""
    python = failing_python(tmp_path, "3.11.7", "Cannot fork")
    (finding,) = [one for one in check(local(tmp_path, python=python)) if one.name == "python"]
    assert finding.detail == f"{python} cannot be started: Cannot fork"
    assert "this should print 1: " in (finding.hint or "")


def test_a_python_that_prints_something_of_its_own(tmp_path: Path):
    python = scripted_python(tmp_path, f'echo hello\nexec {sys.executable} "$@"')
    (finding,) = [one for one in check(local(tmp_path, python=python)) if one.level == "problem"]
    assert finding.name == "python"
    assert "hello" in finding.detail
    assert "print nothing of its own" in (finding.hint or "")


def test_a_python_too_old_to_measure_with(tmp_path: Path):
    told = json.dumps({"python": [3, 6, 9], "others": ["/usr/bin/python3.8"]})
    old = scripted_python(tmp_path, f"echo '{told}'")
    finding = check(local(tmp_path, python=old))[-1]
    assert "is Python 3.6.9, too old: Python 3.8 or newer is needed" in finding.detail
    added = "latkit device add here --python /usr/bin/python3.8"
    assert finding.hint == f"{added}, then check again"


@pytest.mark.parametrize(("signal", "means"), [("ILL", "a newer processor"), ("KILL", "memory")])
def test_a_python_that_dies_of_a_signal(tmp_path: Path, signal: str, means: str):
    dying = scripted_python(tmp_path, f"kill -{signal} $$")
    finding = check(local(tmp_path, python=dying))[-1]
    assert f"died of SIG{signal}" in finding.detail
    assert means in finding.detail
    assert "apt-get" not in (finding.hint or "")


def test_a_python_that_cannot_be_started(tmp_path: Path):
    (tmp_path / "python").write_text("no program")
    finding = check(local(tmp_path, python=f"{tmp_path}/python"))[-1]
    assert f"{tmp_path}/python cannot be started: " in finding.detail
    assert "ermission denied" in finding.detail


def test_an_unreachable_device_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(tmp_path / "none"))
    findings = check(create({"name": "board", "host": "no-such-host.invalid"}))
    assert [(finding.name, finding.level) for finding in findings] == [("connection", "problem")]
    assert findings[0].hint


@pytest.mark.parametrize("answer", ["", "garbage", "{}", "[1]", '{"python": "x"}', "\x00"])
def test_a_strange_answer_is_a_finding(
    tmp_path: Path, answer: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(LocalTransport, "run", lambda *_, **__: CommandResult(0, answer, ""))
    finding = check(local(tmp_path))[-1]
    assert (finding.name, finding.level) == ("python", "problem")


def test_a_device_that_does_not_answer_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sleeper = tmp_path / "probe.py"
    sleeper.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(facts, "runner_file", lambda _: sleeper)
    finding = check(local(tmp_path, command_timeout_s=0.5))[-1]
    assert finding.level == "problem"
    assert "did not end within 0.5 s" in finding.detail
