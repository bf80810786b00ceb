"""What a device says of its state, before anything is measured on it."""

from __future__ import annotations

from dataclasses import asdict

from latkit.devices.check import Finding
from latkit.devices.profile import Profile
from latkit.devices.transport import Transport, open_transport
from latkit.devices.tune import holding
from latkit.errors import LatkitError
from latkit.measure.deploy import deploy_runner
from latkit.measure.readiness import REMEDY, read_state
from latkit.protocol import DeviceState


def findings(profile: Profile) -> list[Finding]:
    """The state as the runner reads it, what cannot be read there, and whether it is tuned."""
    try:
        with open_transport(profile) as transport:
            harness = deploy_runner(transport, transport.expand(profile.remote_dir))
            state = read_state(profile, transport, harness)
            return [state_finding(state), *tuning(profile, transport)]
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


def tuning(profile: Profile, transport: Transport) -> list[Finding]:
    """Whether it is held in the state that measuring wants, or was left in it."""
    held = holding(profile, transport)
    if held == "free":
        return []
    if held == "held":
        return [Finding("tuning", "ok", "held by latkit device tune")]
    hint = f"`latkit device tune {profile.name}` puts it back"
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
