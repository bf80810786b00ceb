from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from latkit.devices import check as check_module
from latkit.devices.check import Facts, Finding, check, judge
from latkit.devices.profile import Profile, create
from latkit.devices.transport import CommandResult
from latkit.devices.transport.local import LocalTransport

READY = {
    "python": (3, 11, 2),
    "externally_managed": False,
    "numpy": "2.1.0",
    "runtime": "1.20.0",
    "providers": ("CPUExecutionProvider",),
    "free_bytes": 10**10,
    "cpus": (0, 1, 2, 3),
    "governors": ("performance",),
    "load": 0.1,
}


@pytest.fixture(autouse=True)
def _no_override(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LATKIT_SSH_CONFIG", raising=False)


def judged(name: str, profile: dict[str, Any] | None = None, **changes: object) -> Finding:
    found = judge(create({"name": "rpi4", **(profile or {})}), Facts(**{**READY, **changes}))
    return next(finding for finding in found if finding.name == name)


def local(**values: object) -> Profile:
    return create({"name": "here", "transport": "local", **values})


def test_a_ready_device_is_ok_throughout():
    findings = list(judge(create({"name": "rpi4"}), Facts(**READY)))
    assert {finding.level for finding in findings} == {"ok"}
    assert all(finding.hint is None for finding in findings)


def test_a_missing_runtime_comes_with_the_command_that_installs_it():
    finding = judged("runtime", runtime=None)
    assert finding.level == "problem"
    assert finding.detail == "onnxruntime is missing, numpy 2.1.0"
    assert finding.hint == "ssh rpi4 python3 -m pip install onnxruntime numpy"


def test_the_command_follows_the_profile():
    address = {"host": "10.0.0.7", "user": "pi", "python": "~/venv/bin/python"}
    hint = judged("runtime", address, numpy=None).hint
    assert hint == "ssh pi@10.0.0.7 ~/venv/bin/python -m pip install onnxruntime numpy"


def test_where_pip_refuses_a_virtual_environment_is_made():
    hint = judged("runtime", runtime=None, externally_managed=True).hint or ""
    assert hint.startswith("ssh rpi4 'python3 -m venv ~/.local/share/latkit/venv && ")
    assert 'put python = "~/.local/share/latkit/venv/bin/python" into its profile' in hint


def test_a_broken_runtime_is_a_problem():
    assert judged("runtime", runtime="broken: libcudart.so.12").level == "problem"


def test_a_provider_that_is_not_built_in():
    gpu = {"provider": "CUDAExecutionProvider"}
    finding = judged("provider", gpu)
    assert finding.level == "problem"
    assert "onnxruntime-gpu" in (finding.hint or "")
    assert "onnxruntime-gpu numpy" in (judged("runtime", gpu, runtime=None).hint or "")


@pytest.mark.parametrize(
    ("name", "changes", "level", "said"),
    [
        ("python", {"python": (3, 7, 9)}, "problem", "Python 3.7.9, too old"),
        ("disk", {"free_bytes": 10**7}, "problem", "10 MB free"),
        ("disk", {"free_bytes": 10**8}, "warning", "100 MB free"),
        ("disk", {"free_bytes": None}, "warning", "unknown"),
        ("governor", {"governors": ("ondemand", "performance")}, "warning", "ondemand"),
        ("governor", {"governors": None}, "warning", "unknown"),
        ("load", {"load": 2.5}, "warning", "2.50"),
        ("load", {"load": None}, "warning", "unknown"),
    ],
)
def test_what_is_short_of_ready(name: str, changes: dict[str, Any], level: str, said: str):
    finding = judged(name, **changes)
    assert finding.level == level
    assert said in finding.detail


def test_processors_that_are_not_there():
    assert judged("processors", {"affinity": [0, 9]}).detail == "there is no processor 9"
    assert judged("processors", {"threads": 8}).level == "warning"
    assert judged("processors", {"threads": 2, "affinity": [3]}).level == "warning"


def test_this_computer():
    findings = {finding.name: finding for finding in check(local())}
    assert findings["connection"].detail == "this computer"
    assert findings["python"].level == findings["runtime"].level == "ok"
    assert set(findings) >= {"provider", "disk", "processors", "governor", "load"}


def test_an_unknown_runtime():
    (finding,) = check(local(runtime="onxruntime"))
    assert (finding.name, finding.level) == ("runtime", "problem")
    assert finding.detail == "unknown runtime 'onxruntime'"
    assert "did you mean 'onnxruntime'?" in (finding.hint or "")


def test_it_puts_nothing_there(tmp_path: Path):
    check(local(remote_dir=f"{tmp_path}/device"))
    assert list(tmp_path.iterdir()) == []


def test_no_python():
    findings = check(local(python="latkit-no-such-python"))
    assert [finding.level for finding in findings] == ["ok", "problem"]
    assert "there is no latkit-no-such-python" in findings[1].detail
    assert "apt-get install python3" in (findings[1].hint or "")


def test_something_else_than_python():
    for command in ("true", "cat"):
        finding = check(local(python=command))[-1]
        assert (finding.name, finding.level) == ("python", "problem")


def test_a_python_too_old_to_be_asked(tmp_path: Path):
    old = tmp_path / "python"
    old.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo Python 2.7.18 && exit\n'
        "echo SyntaxError >&2\nexit 1\n"
    )
    old.chmod(0o755)
    finding = check(local(python=str(old)))[-1]
    assert "is Python 2.7.18: SyntaxError" in finding.detail


def test_an_unreachable_device_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(tmp_path / "none"))
    findings = check(create({"name": "board", "host": "no-such-host.invalid"}))
    assert [(finding.name, finding.level) for finding in findings] == [("connection", "problem")]
    assert findings[0].hint


@pytest.mark.parametrize("answer", ["", "garbage", "{}", "[1]", '{"python": "x"}', "\x00"])
def test_a_strange_answer_is_a_finding(answer: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(LocalTransport, "run", lambda *_, **__: CommandResult(0, answer, ""))
    finding = check(local())[-1]
    assert (finding.name, finding.level) == ("python", "problem")


def test_a_device_that_does_not_answer_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sleeper = tmp_path / "probe.py"
    sleeper.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(check_module, "runner_file", lambda _: sleeper)
    finding = check(local(command_timeout_s=0.5))[-1]
    assert finding.level == "problem"
    assert "did not end within 0.5 s" in finding.detail
