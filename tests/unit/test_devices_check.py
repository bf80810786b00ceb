from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from latkit.cli import run
from latkit.devices import facts, installing, machine, remedy
from latkit.devices.check import check, judge_packages
from latkit.devices.facts import Facts, Limits, Packages
from latkit.devices.finding import Finding
from latkit.devices.profile import Profile, create, load
from latkit.devices.transport import CommandResult
from latkit.devices.transport.local import LocalTransport

READY = {
    "python": (3, 11, 2),
    "machine": "aarch64",
    "kernel": "aarch64",
    "libc": "glibc 2.36",
    "manager": "apt-get",
    "free_bytes": 10**10,
    "cpus": (0, 1, 2, 3),
    "governors": ("performance",),
    "load": 0.1,
}
SITE = "/usr/lib/python3/dist-packages"


@pytest.fixture(autouse=True)
def _no_override(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LATKIT_SSH_CONFIG", raising=False)


def device(**values: object) -> Profile:
    return create({"name": "rpi4", **values})


def machine_finding(name: str, profile: dict[str, Any] | None = None, **changes: object) -> Finding:
    found = machine.judge(device(**(profile or {})), Facts(**{**READY, **changes}))
    return next(finding for finding in found if finding.name == name)


def package(name: str, version: str | None = "1.20.0", **changes: Any) -> dict[str, Any]:
    """As ``packages.py`` tells it; ``version`` None is one that is not there."""
    place = version and f"{SITE}/{name}/__init__.py"
    return {"name": name, "version": version, "place": place, **changes}


def runtime_finding(
    *modules: dict[str, Any],
    profile: dict[str, Any] | None = None,
    name: str = "runtime",
    pip: bool = True,
    ensurepip: bool = True,
    **facts: Any,
) -> Finding:
    seen = Facts(**{**READY, **facts})
    said = Packages(modules=modules, pip=pip, ensurepip=ensurepip)
    found = judge_packages(device(**(profile or {})), seen, said)
    return next(finding for finding in found if finding.name == name)


NUMPY = package("numpy", "2.1.0")
ABSENT = package("onnxruntime", None)


def local(folder: Path, **values: object) -> Profile:
    return create({"name": "here", "transport": "local", "remote_dir": f"{folder}/d", **values})


def test_a_ready_device_is_ok_throughout():
    profile, facts = device(), Facts(**READY)
    runtime = package("onnxruntime", providers=["CPUExecutionProvider"])
    findings = [
        *machine.judge(profile, facts),
        *machine.judge_limits(profile, Limits(cpus=2, cpus_of="/docker", memory_mb=900)),
        *judge_packages(profile, facts, Packages(modules=(NUMPY, runtime))),
    ]
    assert {finding.level for finding in findings} == {"ok"}
    assert all(finding.hint is None for finding in findings)
    assert {"runtime", "provider", "quota", "memory"} <= {finding.name for finding in findings}


def test_a_missing_runtime_comes_with_the_command_that_installs_it():
    finding = runtime_finding(NUMPY, ABSENT)
    assert finding.level == "problem"
    assert finding.detail == "onnxruntime is missing, numpy 2.1.0"
    assert finding.hint == "ssh rpi4 python3 -m pip install onnxruntime numpy"


def test_the_command_follows_the_profile():
    address = {"host": "10.0.0.7", "user": "pi", "python": "~/venv/bin/python"}
    hint = runtime_finding(package("numpy", None), ABSENT, profile=address).hint
    # In quotes: this computer's shell would put its own home directory there.
    assert hint == "ssh pi@10.0.0.7 '~/venv/bin/python -m pip install onnxruntime numpy'"


def test_where_pip_refuses_a_virtual_environment_is_made():
    hint = runtime_finding(NUMPY, ABSENT, externally_managed=True).hint or ""
    assert hint.startswith("ssh rpi4 'python3 -m venv ~/.local/share/latkit/venv && ")
    assert hint.endswith(
        "then latkit device add rpi4 --like rpi4 --python '~/.local/share/latkit/venv/bin/python'"
    )


@pytest.mark.parametrize("name", ["rpi4", "board3", "local"])
def test_a_profile_is_told_of_a_python_by_what_works(name: str):
    """A line of a file where the user has one; else a command that writes one."""
    facts = Facts(python=(3, 11, 2), externally_managed=True)
    hint = installing.install(create({"name": name}), facts, Packages(venv=True, ensurepip=True))
    command = hint.split(", then ")[1]
    assert run(shlex.split(command)[1:]) == 0
    assert load(name).python == "~/.local/share/latkit/venv/bin/python"
    hint = installing.install(load(name), facts, Packages(venv=True, ensurepip=True))
    assert hint.endswith(
        'then put python = "~/.local/share/latkit/venv/bin/python" into its profile'
    )


def test_what_installs_is_installed_first():
    hint = runtime_finding(NUMPY, ABSENT, pip=False).hint or ""
    assert "sudo apt-get install python3 python3-venv python3-pip && python3 -m pip" in hint
    hint = runtime_finding(NUMPY, ABSENT, pip=False, manager="apk").hint or ""
    assert "apk add python3 py3-pip && python3 -m pip" in hint
    hint = runtime_finding(NUMPY, ABSENT, ensurepip=False, externally_managed=True).hint or ""
    assert "python3-venv python3-pip && python3 -m venv" in hint


def broken(detail: str, kind: str = "error", **changes: Any) -> dict[str, Any]:
    return package("onnxruntime", kind=kind, detail=detail, **changes)


@pytest.mark.parametrize(
    ("detail", "said", "advice"),
    [
        ("ImportError: libcudart.so.12: cannot open shared object file", "libcudart", "libcudart"),
        ("ImportError: libopenblas.so.0: cannot open shared object file", "", "libopenblas0"),
        ("ImportError: x.so: failed to map segment from shared object", "", "noexec"),
        ("ImportError: version `GLIBC_2.34' not found", "GLIBC", "'python3 -m pip install "),
        ("ImportError: what nobody foresaw", "foresaw", "--force-reinstall onnxruntime numpy"),
        ("AttributeError: _ARRAY_API not found", "", "numpy<2"),
    ],
)
def test_a_runtime_that_cannot_be_imported(detail: str, said: str, advice: str):
    finding = runtime_finding(NUMPY, broken(detail))
    assert finding.level == "problem"
    assert said in finding.detail
    assert advice in (finding.hint or "")


@pytest.mark.parametrize(
    ("signal", "means", "advice"),
    [
        ("SIGILL", "built for a newer processor", '"onnxruntime<1.20.0"'),
        ("SIGSEGV", "another version of a library", "--force-reinstall"),
        ("SIGBUS", "is damaged", "--force-reinstall"),
        ("SIGSYS", "a container forbids", "--force-reinstall"),
    ],
)
def test_a_runtime_that_dies_of_a_signal(signal: str, means: str, advice: str):
    dead = broken(f"died of {signal}", "crash")
    finding = runtime_finding(NUMPY, dead, processor="Raspberry Pi 3 Model B")
    assert finding.level == "problem"
    assert (
        f"onnxruntime 1.20.0 at {SITE}/onnxruntime/__init__.py died of {signal}" in finding.detail
    )
    assert means in finding.detail
    assert advice in (finding.hint or "")
    assert "apt-get install python3" not in (finding.hint or "")
    assert signal != "SIGILL" or "Raspberry Pi 3 Model B, aarch64" in (finding.hint or "")


def test_the_package_that_died_is_the_one_to_replace():
    dead = package("numpy", "2.1.0", kind="crash", detail="died of SIGILL")
    hint = runtime_finding(dead, broken("died of SIGILL", "crash")).hint or ""
    assert '"numpy<2.1.0"' in hint


def test_too_little_memory_to_import():
    detail = "killed by the system, most likely for want of memory"
    finding = runtime_finding(NUMPY, broken(detail, "memory"))
    assert "died of SIGKILL: the memory did not suffice" in finding.detail
    assert "swap" in (finding.hint or "")


def test_a_runtime_that_is_older_than_numpy_2():
    profile, facts = device(), Facts(**READY)
    old = Packages(modules=(NUMPY, package("onnxruntime", "1.16.3")))
    hint = remedy.of_failure(profile, facts, old, "crash", "died of SIGSEGV")
    assert hint.endswith("""numpy<2: ssh rpi4 'python3 -m pip install "numpy<2"'""")
    new = Packages(modules=(NUMPY, package("onnxruntime", "1.20.0")))
    assert "numpy<2" not in remedy.of_failure(profile, facts, new, "crash", "died of SIGSEGV")


def test_a_module_that_takes_the_place_of_the_runtime():
    other = package("onnxruntime", kind="error", detail="x", place="/opt/x/onnxruntime/__init__.py")
    hint = runtime_finding(NUMPY, other).hint
    assert hint == (
        "/opt/x/onnxruntime/__init__.py takes the place of onnxruntime: "
        "PYTHONPATH there must not name it"
    )


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"machine": "armv7l"}, ["onnxruntime for armv7l", "pip install tflite-runtime"]),
        ({"machine": "armv7l"}, ["--runtime tflite", 'runtime = "command"']),
        ({"machine": "armv7l", "kernel": "aarch64"}, ["a 64-bit system"]),
        ({"machine": "armv7l", "python": (3, 13, 1)}, ["needs Python 3.11", "uv venv"]),
        ({"machine": "armv6l"}, ["onnxruntime for armv6l", 'runtime = "command"']),
        ({"machine": "riscv64"}, ["onnxruntime for riscv64", 'runtime = "command"']),
        ({"machine": "i686", "kernel": "x86_64"}, ["onnxruntime for i686", "a 64-bit system"]),
        ({"libc": "musl", "manager": "apk"}, ["musl", "apk add py3-onnxruntime"]),
    ],
)
def test_a_machine_that_there_is_no_build_for(facts: dict[str, Any], said: list[str]):
    hint = runtime_finding(NUMPY, ABSENT, **{"kernel": facts.get("machine"), **facts}).hint or ""
    for words in said:
        assert words in hint
    assert "pip install onnxruntime" not in hint


def test_a_provider_that_is_not_built_in():
    gpu = {"provider": "CUDAExecutionProvider"}
    present = package("onnxruntime", providers=["CPUExecutionProvider"])
    finding = runtime_finding(NUMPY, present, profile=gpu, name="provider")
    assert finding.level == "problem"
    assert "onnxruntime-gpu" in (finding.hint or "")
    hint = runtime_finding(NUMPY, ABSENT, profile=gpu, machine="x86_64").hint or ""
    assert "onnxruntime-gpu numpy" in hint
    assert "JetPack" in (runtime_finding(NUMPY, ABSENT, profile=gpu).hint or "")


@pytest.mark.parametrize(
    ("name", "changes", "level", "said"),
    [
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
    finding = machine_finding(name, **changes)
    assert finding.level == level
    assert said in finding.detail


def test_processors_that_are_not_there():
    wanted = {"affinity": [0, 9]}
    found = machine_finding("processors", wanted, pinned=(0,))
    assert found.detail == machine_finding("processors", wanted).detail
    assert found.detail == "there is no processor 9"
    assert machine_finding("processors", {"threads": 8}).level == "warning"
    assert machine_finding("processors", {"threads": 2, "affinity": [3]}).level == "warning"


def test_processors_that_a_login_shell_was_kept_from_can_still_be_had():
    wanted = {"affinity": [2, 3], "threads": 2}
    assert machine_finding("processors", wanted, cpus=(0,), pinned=(2, 3)).level == "ok"


@pytest.mark.parametrize(
    ("threads", "cpus", "level", "advice"),
    [
        (2, 1.5, "warning", "--threads 1"),
        (1, 0.5, "warning", "docker run --cpus"),
        (1, 1.5, "ok", ""),
    ],
)
def test_a_quota_of_processor_time(threads: int, cpus: float, level: str, advice: str):
    limits = Limits(cpus=cpus, cpus_of="/sys/fs/cgroup/docker")
    (finding,) = machine.judge_limits(device(threads=threads), limits)
    assert (finding.name, finding.level) == ("quota", level)
    assert f"/sys/fs/cgroup/docker allows the time of {cpus} processors" in finding.detail
    assert advice in (finding.hint or "")


def test_little_memory():
    (finding,) = machine.judge_limits(device(), Limits(memory_mb=90))
    assert (finding.name, finding.level, finding.detail) == ("memory", "warning", "90 MB available")


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


def test_a_python_too_old_to_be_asked(tmp_path: Path):
    old = tmp_path / "python"
    old.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo Python 2.7.18 && exit\n'
        "echo SyntaxError >&2\nexit 1\n"
    )
    old.chmod(0o755)
    finding = check(local(tmp_path, python=str(old)))[-1]
    assert "is Python 2.7.18: SyntaxError; Python 3.8 or newer is needed" in finding.detail
    assert "uv venv --python 3.11" in (finding.hint or "")


def test_a_python_that_the_system_lets_do_nothing(tmp_path: Path):
    """As where its user may start no more processes."""
    python = tmp_path / "python3"
    python.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.11.7 && exit\n'
        "echo Cannot fork >&2; exit 2\n"
    )
    python.chmod(0o755)
    (finding,) = [one for one in check(local(tmp_path, python=str(python))) if one.name == "python"]
    assert finding.detail == f"{python} cannot be started: Cannot fork"
    assert "this should print 1: " in (finding.hint or "")


def test_a_python_that_prints_something_of_its_own(tmp_path: Path):
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\necho hello\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (finding,) = [
        one for one in check(local(tmp_path, python=str(python))) if one.level == "problem"
    ]
    assert finding.name == "python"
    assert "hello" in finding.detail
    assert "print nothing of its own" in (finding.hint or "")


def test_a_python_too_old_to_measure_with(tmp_path: Path):
    told = json.dumps({"python": [3, 6, 9], "others": ["/usr/bin/python3.8"]})
    old = tmp_path / "python"
    old.write_text(f"#!/bin/sh\necho '{told}'\n")
    old.chmod(0o755)
    finding = check(local(tmp_path, python=str(old)))[-1]
    assert "is Python 3.6.9, too old: Python 3.8 or newer is needed" in finding.detail
    added = "latkit device add here --python /usr/bin/python3.8"
    assert finding.hint == f"{added}, then check again"


@pytest.mark.parametrize(("signal", "means"), [("ILL", "a newer processor"), ("KILL", "memory")])
def test_a_python_that_dies_of_a_signal(tmp_path: Path, signal: str, means: str):
    dying = tmp_path / "python"
    dying.write_text(f"#!/bin/sh\nkill -{signal} $$\n")
    dying.chmod(0o755)
    finding = check(local(tmp_path, python=str(dying)))[-1]
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
