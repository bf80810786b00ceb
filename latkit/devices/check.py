"""Whether a device is ready to be measured, and what is to be done where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import ValidationError

from latkit.devices import facts as told
from latkit.devices import installing, machine, remedy, signals
from latkit.devices.deploy import Deployed, deploy
from latkit.devices.facts import Facts, Package, Packages
from latkit.devices.finding import Finding
from latkit.devices.profile import Profile
from latkit.devices.runtimes import RUNTIMES, offers, requirements, spelled
from latkit.devices.transport import CommandResult, Transport, open_transport
from latkit.errors import LatkitError, RunnerError

OLDEST_PYTHON = (3, 8)
_NOT_STARTED = 126
_NOT_FOUND = 127
_ANOTHER = (
    "set `python` in the profile to one that was built for this device, and is executable: "
    "a disk that is mounted noexec has none"
)
_NO_PYTHON = "is that a Python, and does it print nothing of its own?"
_NEWER = "Python 3.8 or newer is needed"
_VERSION = re.compile(r"Python (\d+)\.(\d+)")
_FIND = 'for name; do command -v "$name" >/dev/null && echo "$name" && exit; done'


def check(profile: Profile) -> list[Finding]:
    """Connect and look; what cannot be reached or read is a finding too, never an exception.

    latkit's programs are put there, since some of them do the looking; nothing is timed.
    """
    try:
        RUNTIMES.get(profile.runtime)
    except LatkitError as problem:
        return [Finding("runtime", "problem", problem.message, problem.hint)]
    found: list[Finding] = []
    try:
        with open_transport(profile) as transport:
            found.append(Finding("connection", "ok", transport.description))
            found.extend(_on_device(profile, transport))
    except LatkitError as problem:
        name = "access" if found else "connection"
        found.append(Finding(name, "problem", problem.message, problem.hint))
    return found


def advice(profile: Profile, kind: str, detail: str) -> str:
    """What to do where a network failed there as ``protocol.Failed`` says.

    Raises LatkitError where the device cannot be asked what it has.
    """
    with open_transport(profile) as transport:
        return advice_by(deploy(transport, profile), kind, detail)


def advice_by(deployed: Deployed, kind: str, detail: str) -> str:
    """The same, over a connection that is there already."""
    profile = deployed.profile
    seen = _facts(profile, deployed.transport)
    if isinstance(seen, Finding):
        return seen.hint or seen.detail
    packages = told.packages(deployed)
    lacking = (each for each in judge_packages(profile, seen, packages) if each.level == "problem")
    hint = next((each.hint for each in lacking), None)
    return hint or remedy.of_failure(profile, seen, packages, kind, detail)


def _on_device(profile: Profile, transport: Transport) -> Iterator[Finding]:
    facts = _facts(profile, transport)
    if isinstance(facts, Finding):
        yield facts
        return
    yield _python(profile, facts)
    if facts.python < OLDEST_PYTHON:
        return
    yield from machine.judge(profile, facts)
    try:
        deployed = deploy(transport, profile)
    except LatkitError as problem:
        yield Finding("access", "problem", problem.message, problem.hint or _elsewhere(facts))
        return
    yield from machine.judge_limits(profile, told.limits(deployed))
    try:
        packages = told.packages(deployed)
    except RunnerError as problem:  # whether it works is found out when a network is tried
        yield Finding("runtime", "warning", problem.message)
        return
    yield from judge_packages(profile, facts, packages)


def _elsewhere(facts: Facts) -> str:
    why = "" if facts.writable else "its folder cannot be written to: "
    return f"{why}point remote_dir in the profile at a folder of yours there, as /var/tmp/latkit"


def _facts(profile: Profile, transport: Transport) -> Facts | Finding:
    python = transport.expand(profile.python)
    answer = told.ask_probe(
        transport,
        python,
        transport.expand(profile.remote_dir),
        profile.command.words[0] if profile.command else "",
        ",".join(map(str, profile.affinity or ())),
        timeout_s=profile.command_timeout_s,
    )
    if answer.returncode != 0:
        return _not_run(profile, transport, answer)
    try:
        return Facts.model_validate_json(answer.stdout.strip())
    except ValidationError:
        detail = f"{python} answered something else than asked: {answer.stdout[:200]!r}"
        return Finding("python", "problem", detail, _NO_PYTHON)


def _not_run(profile: Profile, transport: Transport, answer: CommandResult) -> Finding:
    """Of a Python that did not do what it was told."""
    python = transport.expand(profile.python)
    said = (answer.stderr.strip().splitlines() or [""])[0][-300:]
    if answer.returncode == _NOT_FOUND:
        return Finding(
            "python", "problem", f"there is no {python}", _get_python(profile, transport)
        )
    if answer.returncode == _NOT_STARTED:
        return Finding("python", "problem", f"{python} cannot be started: {said}", _ANOTHER)
    if name := signals.of_status(answer.returncode):
        return Finding("python", "problem", f"{python} {signals.meaning(name)}", _ANOTHER)
    version = transport.run([python, "--version"], timeout_s=profile.command_timeout_s)
    named = (version.stdout + version.stderr).strip()[:100]
    if _new_enough(named):
        asked = installing.typed(profile, f"{profile.python} -I -c 'print(1)'")
        detail = f"{python} cannot be started: {said}"
        return Finding("python", "problem", detail, f"this should print 1: {asked}")
    detail = f"{python} is {named}: {said}; {_NEWER}"
    return Finding("python", "problem", detail, installing.newer_python(profile, ()))


def _new_enough(named: str) -> bool:
    """Whether that is what a Python says of itself that latkit's programs run on."""
    version = _VERSION.match(named)
    return version is not None and tuple(map(int, version.groups())) >= OLDEST_PYTHON


def _get_python(profile: Profile, transport: Transport) -> str:
    words = ["sh", "-c", _FIND, "sh", *installing.MANAGERS]
    found = transport.run(words, timeout_s=profile.command_timeout_s)
    return installing.python(profile, found.stdout.strip())


def _python(profile: Profile, facts: Facts) -> Finding:
    version = ".".join(map(str, facts.python))
    if facts.python < OLDEST_PYTHON:
        detail = f"{profile.python} is Python {version}, too old: {_NEWER}"
        hint = installing.newer_python(profile, facts.others)
        return Finding("python", "problem", detail, hint)
    return Finding("python", "ok", f"Python {version}")


def judge_packages(profile: Profile, facts: Facts, packages: Packages) -> Iterator[Finding]:
    """What the packages that are there mean for measuring the way the profile says."""
    if profile.command:
        yield _program(profile.command.words[0], facts)
        return
    if packages.modules:
        yield _runtime(profile, facts, packages)
    present = next((each.providers for each in packages.modules if each.providers), None)
    if present is not None:
        yield _provider(profile, present)


def _program(name: str, facts: Facts) -> Finding:
    if facts.program:
        return Finding("program", "ok", facts.program)
    if facts.program_exists:
        hint = f"make it one with chmod +x {name}, and its disk must not be mounted noexec"
        return Finding("program", "problem", f"{name} is no program that can be started", hint)
    hint = "install it there, or give its whole path in the profile's [command]"
    return Finding("program", "problem", f"there is no {name}", hint)


def _runtime(profile: Profile, facts: Facts, packages: Packages) -> Finding:
    detail = ", ".join(map(_described, reversed(packages.modules)))
    broken = next((each for each in packages.modules if not each.works), None)
    if broken is None:
        return Finding("runtime", "ok", detail)
    if broken.place is None:
        return Finding("runtime", "problem", detail, installing.runtime(profile, facts, packages))
    hint = remedy.of_import(profile, facts, packages, broken)
    return Finding("runtime", "problem", detail, hint)


def _described(package: Package) -> str:
    if package.place is None:
        return f"{package.name} is missing"
    named = f"{package.name} {package.version or ''}".strip()
    if package.detail is None:
        return named
    signal = signals.of_failure(package.kind, package.detail)
    why = signals.meaning(signal) if signal else f"cannot be imported: {package.detail[-300:]}"
    return f"{named} at {package.place} {why}"


def _provider(profile: Profile, present: tuple[str, ...]) -> Finding:
    if offers(present, profile.provider):
        return Finding("provider", "ok", profile.provider)
    needed = requirements(profile.runtime, profile.provider)
    others = ", ".join(map(spelled, present))
    return Finding(
        "provider",
        "problem",
        f"{profile.provider} is not in this {profile.runtime}, only {others}",
        f"install a build that has it ({needed}), or change `provider` in the profile",
    )
