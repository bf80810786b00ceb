"""Devices: their profiles, and whether they are ready to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

from latkit.devices.check import check as look
from latkit.devices.deploy import Deployed, deploy
from latkit.devices.finding import Finding
from latkit.devices.profile import (
    Profile,
    Shelf,
    add,
    changed,
    create,
    load,
    origin_of,
    shelf,
)
from latkit.devices.transport import open_transport
from latkit.devices.tune import Tuning, by_hand, holding, told, tuned
from latkit.errors import LatkitError
from latkit.lab.options import fields
from latkit.measure.readiness import REMEDY, read_state
from latkit.protocol import DeviceState

NOT_WITHOUT = ("connection", "access", "python")
"""Where one of these is a problem, nothing runs on the device that could tell its state."""


def profiles() -> Shelf:
    """All devices that there are, and what is wrong with the profiles that are broken."""
    return shelf()


def profile(name: str) -> Profile:
    """The profile of that name; raises UnknownNameError, or UsageError where it is malformed."""
    return load(name)


def add_profile(name: str, like: str | None, fields: Mapping[str, Any]) -> Path:
    """Write a profile of the user's own, which begins as another one where ``like`` names it.

    Raises UsageError where there is one of that name, or a field is wrong.
    """
    base = load(like) if like else None
    begun = base.model_dump() | {"kind": base.kind or base.name} if base else {"transport": "ssh"}
    return add(create({**begun, **fields, "name": name}))


def check(name: str, options: Mapping[str, Any] | None = None) -> list[Finding]:
    """Connect to a device and try there what measuring does, state and tuning included.

    Args:
        name: of its profile.
        options: parts of the condition that are other than the profile's; see
            ``latkit.lab.options``.
    """
    # A campaign's imports, which a list of devices can do without.
    from latkit.lab.trial import trial

    asked = options or {}
    chosen = changed(load(name), fields(asked))
    found = [*_usual_profile(name), *look(chosen)]
    problems = {one.name for one in found if one.level == "problem"}
    if problems.intersection(NOT_WITHOUT):
        return found
    found += findings(chosen)
    return found if problems else [*found, trial(chosen, tune=bool(asked.get("tune")))]


def _usual_profile(name: str) -> list[Finding]:
    if origin_of(name) != "ssh configuration":
        return []
    detail = "the usual one, for a host of your ssh configuration"
    return [Finding("profile", "ok", detail, f"to change it: latkit device add {quote(name)}")]


def tune(name: str) -> AbstractContextManager[Tuning]:
    """Hold a device in the state that measuring wants; see ``latkit.devices.tune``."""
    return tuned(load(name))


def refusal(name: str, tuning: Tuning) -> str:
    """What could not be changed, and how to do it by hand."""
    return f"{told(tuning.refused)}\n{by_hand(load(name))}"


def change(tuning: Tuning) -> str:
    """What was changed, on one line; empty where nothing needed to."""
    return told(tuning.changed) if tuning.changed else ""


def findings(profile: Profile) -> list[Finding]:
    """The state as the runner reads it, what cannot be read there, and whether it is tuned."""
    try:
        with open_transport(profile) as transport:
            deployed = deploy(transport, profile)
            return [state_finding(read_state(deployed)), *tuning(deployed)]
    except LatkitError as problem:
        return [Finding("state", "problem", problem.message, problem.hint)]


def state_finding(state: DeviceState) -> Finding:
    """What was read, and the names of what was not."""
    known = {name: value for name, value in asdict(state).items() if value is not None}
    shown = [_UNITS[name].format(value) for name, value in known.items() if name in _UNITS]
    unknown = ", ".join(_NAMES[name] for name in _NAMES if name not in known)
    limits = ", ".join(state.limits or ())
    parts = [*shown, limits and f"slowed down: {limits}", unknown and f"unknown: {unknown}"]
    detail = "; ".join(filter(None, parts))
    if not limits:
        return Finding("state", "ok", detail)
    return Finding("state", "warning", detail, REMEDY)


def tuning(deployed: Deployed) -> list[Finding]:
    """Whether it is held in the state that measuring wants, or was left in it."""
    held = holding(deployed)
    if held == "free":
        return []
    if held == "held":
        return [Finding("tuning", "ok", "held by latkit device tune")]
    hint = f"'latkit device tune {quote(deployed.profile.name)} -- true' puts it back"
    return [Finding("tuning", "warning", "left as it was tuned by a run that was killed", hint)]


_UNITS = {
    "frequency_mhz": "{:.0f} MHz",
    "governor": "{}",
    "temperature_c": "{:.0f} °C",
    "power_mode": "power mode {}",
}
_NAMES = {
    "frequency_mhz": "frequency",
    "governor": "governor",
    "temperature_c": "temperature",
    "limits": "throttling",
    "pressure_us": "pressure",
    "steal_s": "steal",
}
