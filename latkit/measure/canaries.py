"""What earlier campaigns found of the canary, as their measurements remember it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from latkit.measure.plausible import MIN_LATENCY_NS
from latkit.measurement import Measurement


def note(arch: str, reference_ns: float | None, found_ns: float | None, begun: str) -> Any:
    """What a measurement remembers of the canary that watched over it.

    Args:
        arch: the canary.
        reference_ns: what it takes on the device in its usual state.
        found_ns: what it takes in this campaign while nothing disturbs it, where that is known.
        begun: when the campaign began, which tells it from others.
    """
    return {"arch": arch, "reference_ns": reference_ns, "found_ns": found_ns, "campaign": begun}


def found_by_others(measurements: Iterable[Measurement], begun: str) -> list[float]:
    """``found_ns`` of every other campaign that these are of, in their order."""
    found: dict[str, float] = {}
    for measurement in measurements:
        told = measurement.context.get("canary")
        if isinstance(told, Mapping) and _is_latency(told.get("found_ns")):
            found[str(told.get("campaign"))] = float(told["found_ns"])
    found.pop(begun, None)
    return list(found.values())


def _is_latency(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value) and value >= MIN_LATENCY_NS
