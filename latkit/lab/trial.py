"""One network measured on a device for a second, in the way that a campaign measures all."""

from __future__ import annotations

from statistics import median

from latkit import spaces
from latkit.devices import signals
from latkit.devices.check import advice
from latkit.devices.finding import Finding
from latkit.devices.lease import DeviceBusyError
from latkit.devices.profile import Profile
from latkit.errors import DeviceUnreachable, LatkitError
from latkit.formats.cache import ModelCache
from latkit.lab.workspace import Workspace
from latkit.measure.campaign import CANARY_RULE
from latkit.measure.models import ModelFiles
from latkit.measure.plan import canary
from latkit.measure.quality import faults
from latkit.measure.readiness import REMEDY, DeviceNotReadyError
from latkit.measure.session import Session
from latkit.protocol import BlockEvent, Failed
from latkit.subjects import Recipe

SPACE = "nb201"
NAME = "a network"
Event = BlockEvent | Failed


def trial(profile: Profile, *, tune: bool = False) -> Finding:
    """Whether a network can be measured there, with all that a campaign holds meanwhile.

    Args:
        profile: the device, in the way that it is to be measured.
        tune: at full clocks.
    """
    try:
        event, wrong = _measured(profile, tune)
        if isinstance(event, Failed):
            hint = advice(profile, event.kind, event.detail)
            return Finding(NAME, "problem", _told(profile, event), hint)
    except DeviceBusyError as problem:
        return Finding("lease", "problem", problem.message, _BUSY)
    except DeviceNotReadyError as problem:
        return Finding("state", "problem", problem.message, REMEDY)
    except DeviceUnreachable as problem:
        return Finding("connection", "problem", problem.message, problem.hint)
    except LatkitError as problem:
        return Finding(NAME, "problem", problem.message, problem.hint)
    if wrong:
        return Finding(NAME, "problem", "; ".join(wrong), _DOUBTED)
    return Finding(NAME, "ok", f"{median(event.samples_ns) / 1e6:.3g} ms for {SPACE}'s canary")


def _told(profile: Profile, event: Failed) -> str:
    """How it failed there, with what a signal usually means."""
    if signal := signals.of_failure(event.kind, event.detail):
        return f"{profile.runtime} {signals.meaning(signal)}"
    return f"{event.kind}: {event.detail}"


def _measured(profile: Profile, tune: bool) -> tuple[Event, list[str]]:
    """How the canary network went, and what makes its figures worthless."""
    space = spaces.get(SPACE)
    with Session(profile, rule=CANARY_RULE, tuned=tune) as session:
        recipe = Recipe(session.hello.format, profile.batch, profile.precision)
        models = ModelFiles(space, ModelCache(Workspace().cache / "models"), recipe)
        event = session.time(models.file(canary(space)))
        # A campaign does so while all else is open too, and it needs a connection's last session.
        session.forget_models()
    if isinstance(event, Failed):
        return event, []
    expected = models.expected(canary(space))
    return event, list(faults(event, expected, profile.provider, profile.precision))


_BUSY = "wait until it has finished, then check again"
_DOUBTED = "another build of the runtime, or another provider, may compute rightly"
