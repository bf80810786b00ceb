"""What the check-up makes of a device's answers."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from latkit.cli import run
from latkit.devices import installing, machine, remedy
from latkit.devices.check import judge_packages
from latkit.devices.facts import Facts, Limits, Packages
from latkit.devices.finding import Finding
from latkit.devices.profile import Profile, create, load

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
