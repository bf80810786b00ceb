"""What to type next: command lines that work here and now, or none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from shlex import quote
from typing import Any

from latkit import spaces
from latkit.condition import OPTIONS, PRECISIONS, Condition, typed
from latkit.devices.usual import usual
from latkit.errors import LatkitError
from latkit.lab.options import again, as_options, command, of_space, unusual
from latkit.lab.predictors import Kept, choose, kept_spaces
from latkit.lab.workspace import Workspace
from latkit.measurement import Measurement

VALIDATED = 40
FEWEST = 3
"""Networks that are worth validating with, and adapting to."""


def adapting(
    lab: Workspace, condition: Condition, space: str, measured: Iterable[Measurement]
) -> str | None:
    """What follows measuring: adapting to a condition, or first measuring more; None: neither.

    ``measured`` are those of a campaign; the dataset may have more of the same condition.
    """
    from latkit.predictor.bundle import Bundle
    from latkit.store import USABLE, Query

    if not Bundle.is_shipped(space):
        return None
    usable = {one.subject for one in measured if one.usable}
    if len(usable) < FEWEST:
        query = Query(collection=space, condition=condition, levels=USABLE)
        with lab.store() as store:
            usable = {one.subject for one in store.find(query)}
    if len(usable) < FEWEST:
        return command("measure", condition, *of_space(space), "--n 20")
    return command("adapt", condition)


def adapting_from(lab: Workspace, space: str, bundle: str, sources: Collection[str]) -> str:
    """Adapting a bundle of a space, to a device that it was not trained on if there is one."""
    with lab.store() as store:
        found = [s for s in store.summary() if s.collection == space and s.subjects >= FEWEST]
    devices = [one.condition.board for one in found if one.valid + one.suspect >= FEWEST]
    device = ([name for name in devices if name not in sources] or devices)[-1]
    return f"latkit adapt --device {quote(device)} --bundle {quote(bundle)}"


def predicting(lab: Workspace, one: Kept) -> str | None:
    """Asking a predictor about networks of its space; None where no words would find it."""
    asked = _asking(lab, one)
    if asked is None:
        return None
    draw = f"latkit space sample {quote(one.space)} --n 5"
    return " ".join([draw, "| latkit predict - --device", quote(one.device), *asked])


def validating(lab: Workspace, one: Kept) -> str | None:
    """Trying a predictor on networks that it has not seen; None where they cannot be measured."""
    asked = _asking(lab, one)
    unseen = spaces.get(one.space).size - one.samples
    if asked is None or unseen < FEWEST or not _measurable(one.condition):
        return None
    several = len(kept_spaces(lab, one.device)) > 1
    space = ["--space", quote(one.space)] if several else []
    device = ["latkit validate --device", quote(one.device)]
    return " ".join([*device, *asked, *space, f"--n {min(VALIDATED, unseen)}"])


def measuring_again(condition: Condition, file: str) -> str | None:
    """Measuring the networks of a file under a condition; None where this device is not at hand."""
    if not _measurable(condition):
        return None
    return command("measure", condition, "--archs", quote(file), "--again")


def _measurable(condition: Condition) -> bool:
    """Whether there is a profile by which it could be measured."""
    try:
        return bool(usual(condition.board) and condition.protocol and again(condition))
    except LatkitError:
        return False


def _asking(lab: Workspace, one: Kept) -> list[str] | None:
    """The fewest options by which a predictor is found."""
    own = one.condition.values()
    everything = {name: own[name] for name in OPTIONS if _askable(name, own[name])}
    for values in ({}, unusual(one.condition), everything):
        if _found(lab, one, values):
            return typed(values)
    return None


def _askable(name: str, value: Any) -> bool:
    """Whether an option takes the value; of published tables it may be unknown."""
    if name == "precision":
        return value in PRECISIONS
    return name not in ("threads", "batch") or value > 0


def _found(lab: Workspace, one: Kept, values: Mapping[str, Any]) -> bool:
    try:
        return choose(lab, one.device, one.space, as_options(values)) == one
    except LatkitError:
        return False
