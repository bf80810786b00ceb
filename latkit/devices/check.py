"""Whether a device is ready to be measured, and what is to be done where it is not."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from latkit.devices.profile import Profile
from latkit.devices.runners import runner_file
from latkit.devices.runtimes import RUNTIMES, offers, requirements, spelled
from latkit.devices.transport import Transport, open_transport
from latkit.errors import LatkitError

OLDEST_PYTHON = (3, 8)
_LITTLE_DISK_MB = 500
_NO_DISK_MB = 50
_BUSY_LOAD = 0.5
_TUNE = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
_VENV = "~/.local/share/latkit/venv"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``hint`` says what to do unless it is ok."""

    name: str
    level: Literal["ok", "warning", "problem"]
    detail: str
    hint: str | None = None


class Facts(BaseModel):
    """What ``probe.py`` says about a device; None where it could not tell."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    python: tuple[int, int, int]
    machine: str | None = None
    externally_managed: bool
    numpy: str | None
    module: str | None = None
    runtime: str | None
    program: str | None = None
    providers: tuple[str, ...] | None
    free_bytes: int | None
    cpus: tuple[int, ...]
    governors: tuple[str, ...] | None
    load: float | None


def check(profile: Profile) -> list[Finding]:
    """Connect and look; what cannot be reached or read is a finding too, never an exception."""
    try:
        RUNTIMES.get(profile.runtime)
    except LatkitError as problem:
        return [Finding("runtime", "problem", problem.message, problem.hint)]
    try:
        with open_transport(profile) as transport:
            connected = Finding("connection", "ok", transport.description)
            return [connected, *_on_device(profile, transport)]
    except LatkitError as problem:
        return [Finding("connection", "problem", problem.message, problem.hint)]


def _on_device(profile: Profile, transport: Transport) -> list[Finding]:
    try:
        # Whether files can be put there is found out by asking for one.
        transport.exists(transport.expand(profile.remote_dir))
        facts = _facts(profile, transport)
    except LatkitError as problem:
        return [Finding("access", "problem", problem.message, problem.hint)]
    return list(judge(profile, facts)) if isinstance(facts, Facts) else [facts]


def _facts(profile: Profile, transport: Transport) -> Facts | Finding:
    python = transport.expand(profile.python)
    folder = transport.expand(profile.remote_dir)
    answer = transport.run(
        [python, "-", ",".join(RUNTIMES.get(profile.runtime).modules), folder, _program(profile)],
        stdin=runner_file("probe.py").read_bytes(),
        timeout_s=profile.command_timeout_s,
    )
    if answer.returncode in (126, 127):
        return _no_python(profile, f"there is no {python}")
    if answer.returncode != 0:
        said = transport.run([python, "--version"], timeout_s=profile.command_timeout_s)
        version = (said.stdout + said.stderr).strip()
        return _no_python(profile, f"{python} is {version}: {answer.stderr.strip()[-200:]}")
    try:
        return Facts.model_validate_json(answer.stdout.strip().splitlines()[-1])
    except (ValidationError, IndexError):
        detail = f"{python} answered something else than asked: {answer.stdout[:200]!r}"
        return Finding("python", "problem", detail, "is that a Python?")


def judge(profile: Profile, facts: Facts) -> Iterator[Finding]:
    """What the facts mean for measuring the way the profile says."""
    yield _python(profile, facts)
    yield _command(profile, facts) if profile.command else _runtime(profile, facts)
    if facts.providers is not None:
        yield _provider(profile, facts.providers)
    yield _disk(profile, facts)
    yield _processors(profile, facts)
    yield _governor(profile, facts)
    yield _load(facts)


def _no_python(profile: Profile, detail: str) -> Finding:
    install = _there(profile, "sudo apt-get install python3 python3-venv python3-pip")
    hint = f"{install}, or set `python` in the profile to the path of a Python 3.8 or newer"
    return Finding("python", "problem", detail, hint)


def _python(profile: Profile, facts: Facts) -> Finding:
    version = ".".join(map(str, facts.python))
    if facts.python < OLDEST_PYTHON:
        return _no_python(profile, f"{profile.python} is Python {version}, too old")
    return Finding("python", "ok", f"Python {version}")


def _runtime(profile: Profile, facts: Facts) -> Finding:
    found = {facts.module or profile.runtime: facts.runtime, "numpy": facts.numpy}
    detail = ", ".join(f"{name} {version or 'is missing'}" for name, version in found.items())
    if all(version and not version.startswith("broken") for version in found.values()):
        return Finding("runtime", "ok", detail)
    return Finding("runtime", "problem", detail, _install(profile, facts))


def _program(profile: Profile) -> str:
    return profile.command.words[0] if profile.command else ""


def _command(profile: Profile, facts: Facts) -> Finding:
    if facts.program:
        return Finding("program", "ok", facts.program)
    hint = "install it there, or give its whole path in the profile's [command]"
    return Finding("program", "problem", f"there is no {_program(profile)}", hint)


def _install(profile: Profile, facts: Facts) -> str:
    name, provider = profile.runtime, profile.provider
    packages = requirements(name, provider, python=facts.python, machine=facts.machine)
    if not facts.externally_managed:
        return _there(profile, f"{profile.python} -m pip install {packages}")
    steps = f"{profile.python} -m venv {_VENV} && {_VENV}/bin/python -m pip install {packages}"
    command = _as_shell(profile, steps)
    return f'{command}, then put python = "{_VENV}/bin/python" into its profile'


def _there(profile: Profile, command: str) -> str:
    return " ".join([shlex.join(profile.login_command), command]).strip()


def _as_shell(profile: Profile, script: str) -> str:
    login = shlex.join(profile.login_command)
    return f"{login} {shlex.quote(script)}" if login else script


def _provider(profile: Profile, present: tuple[str, ...]) -> Finding:
    if offers(present, profile.provider):
        return Finding("provider", "ok", profile.provider)
    packages = requirements(profile.runtime, profile.provider)
    others = ", ".join(map(spelled, present))
    return Finding(
        "provider",
        "problem",
        f"{profile.provider} is not in this {profile.runtime}, only {others}",
        f"install a build that has it ({packages}), or change `provider` in the profile",
    )


def _disk(profile: Profile, facts: Facts) -> Finding:
    if facts.free_bytes is None:
        return Finding("disk", "warning", f"unknown: {profile.remote_dir} cannot be examined")
    free_mb = facts.free_bytes / 1e6
    level = _disk_level(free_mb)
    hint = None if level == "ok" else "free some space, or point remote_dir at another disk"
    return Finding("disk", level, f"{free_mb:.0f} MB free at {profile.remote_dir}", hint)


def _disk_level(free_mb: float) -> Literal["ok", "warning", "problem"]:
    if free_mb < _NO_DISK_MB:
        return "problem"
    return "warning" if free_mb < _LITTLE_DISK_MB else "ok"


def _processors(profile: Profile, facts: Facts) -> Finding:
    detail = f"{len(facts.cpus)}, {profile.threads} used"
    absent = sorted(set(profile.affinity or ()) - set(facts.cpus))
    if absent:
        hint = f"`affinity` in the profile may name these: {', '.join(map(str, facts.cpus))}"
        return Finding("processors", "problem", f"there is no processor {absent[0]}", hint)
    usable = len(profile.affinity or facts.cpus)
    if profile.threads > usable:
        hint = f"set `threads` in the profile to {usable} or fewer"
        return Finding("processors", "warning", f"{profile.threads} threads on {usable}", hint)
    return Finding("processors", "ok", detail)


def _governor(profile: Profile, facts: Facts) -> Finding:
    if facts.governors is None:
        return Finding("governor", "warning", "unknown: the kernel does not show it")
    detail = ", ".join(facts.governors)
    if facts.governors == ("performance",):
        return Finding("governor", "ok", detail)
    hint = f"clocks that move make latencies move; to fix them: {_as_shell(profile, _TUNE)}"
    return Finding("governor", "warning", detail, hint)


def _load(facts: Facts) -> Finding:
    if facts.load is None:
        return Finding("load", "warning", "unknown")
    detail = f"{facts.load:.2f} over the last minute"
    if facts.load < _BUSY_LOAD:
        return Finding("load", "ok", detail)
    return Finding("load", "warning", detail, "let other work finish before measuring")
