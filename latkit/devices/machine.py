"""Whether a device itself is fit to be measured: disk, memory, processors and their clocks."""

from __future__ import annotations

from collections.abc import Iterator

from latkit.devices.facts import Facts, Limits
from latkit.devices.finding import Finding, Level
from latkit.devices.installing import typed
from latkit.devices.profile import Profile
from latkit.devices.remedy import MEMORY

_LITTLE_DISK_MB = 500
_NO_DISK_MB = 50
_LITTLE_MEMORY_MB = 300
_BUSY_LOAD = 0.5
_TUNE = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"


def judge(profile: Profile, facts: Facts) -> Iterator[Finding]:
    """What ``probe.py`` told means for measuring the way the profile says."""
    yield _disk(profile, facts)
    yield _processors(profile, facts)
    yield _governor(profile, facts)
    yield _load(facts)


def judge_limits(profile: Profile, limits: Limits) -> Iterator[Finding]:
    """What ``limits.py`` told."""
    if limits.cpus is not None:
        yield _quota(profile, limits.cpus, limits.cpus_of or "a control group")
    if limits.memory_mb is not None:
        yield _memory(limits.memory_mb)


def _disk(profile: Profile, facts: Facts) -> Finding:
    if facts.free_bytes is None:
        return Finding("disk", "warning", f"unknown: {profile.remote_dir} cannot be examined")
    free_mb = facts.free_bytes / 1e6
    level = _disk_level(free_mb)
    hint = None if level == "ok" else "free some space, or point remote_dir at another disk"
    return Finding("disk", level, f"{free_mb:.0f} MB free at {profile.remote_dir}", hint)


def _disk_level(free_mb: float) -> Level:
    if free_mb < _NO_DISK_MB:
        return "problem"
    return "warning" if free_mb < _LITTLE_DISK_MB else "ok"


def _processors(profile: Profile, facts: Facts) -> Finding:
    wanted = set(profile.affinity or ())
    present = set(facts.cpus if facts.pinned is None else facts.pinned)
    if absent := sorted(wanted - present):
        hint = f"affinity may name these: {', '.join(map(str, facts.cpus))}"
        return Finding("processors", "problem", f"there is no processor {absent[0]}", hint)
    usable = len(wanted or present)
    if profile.threads > usable:
        hint = f"measure with --threads {usable}, or set `threads` in the profile to that"
        detail = f"{profile.threads} threads, processors: {usable}"
        return Finding("processors", "warning", detail, hint)
    return Finding("processors", "ok", f"{len(facts.cpus)}, {profile.threads} used")


def _quota(profile: Profile, cpus: float, group: str) -> Finding:
    detail = f"{group} allows the time of {cpus:g} processors"
    if profile.threads <= cpus:
        return Finding("quota", "ok", detail)
    hint = "programs are stopped when it is used up; lift it (docker run --cpus, CPUQuota=)"
    if cpus >= 1:
        hint += f", or measure with --threads {int(cpus)}"
    return Finding("quota", "warning", f"{detail}, for {profile.threads} threads", hint)


def _memory(free_mb: int) -> Finding:
    detail = f"{free_mb} MB available"
    if free_mb >= _LITTLE_MEMORY_MB:
        return Finding("memory", "ok", detail)
    return Finding("memory", "warning", detail, MEMORY)


def _governor(profile: Profile, facts: Facts) -> Finding:
    if facts.governors is None:
        return Finding("governor", "warning", "unknown: the kernel does not show it")
    detail = ", ".join(facts.governors)
    if facts.governors == ("performance",):
        return Finding("governor", "ok", detail)
    hint = f"clocks that move make latencies move; to fix them: {typed(profile, _TUNE)}"
    return Finding("governor", "warning", detail, hint)


def _load(facts: Facts) -> Finding:
    if facts.load is None:
        return Finding("load", "warning", "unknown")
    detail = f"{facts.load:.2f} over the last minute"
    if facts.load < _BUSY_LOAD:
        return Finding("load", "ok", detail)
    return Finding("load", "warning", detail, "let other work finish before measuring")
