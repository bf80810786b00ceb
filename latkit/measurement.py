"""A latency that was measured, with all that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from latkit.condition import Condition
    from latkit.subjects import Subject

Level = Literal["valid", "suspect", "invalid"]
LEVELS: tuple[Level, ...] = ("valid", "suspect", "invalid")
MAX_LATENCY_MS = 24 * 3600 * 1000.0
"""A day: whatever takes longer was not the inference of one network."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a measurement can be believed, and why not further."""

    level: Level
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """What one fresh process on the device measured of one model.

    ``samples_ns`` are wall-clock durations of single inferences, in order, none removed.
    """

    cold_ns: int
    samples_ns: tuple[int, ...]
    thread_cpu_ns: int
    involuntary_switches: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """The latency of one subject under one condition, raw samples included.

    The label, ``latency_ms``, is what the device does when it is left alone: the mean of the two
    fastest processes' medians, each in the calmest 50 ms of that process, freed from the drift of
    the device as a whole. ``noise`` is its relative standard error as a forecast of what another
    campaign would say, and the weight with which an adapter may trust it; ``lower_ms`` and
    ``upper_ms`` bound the 95 % interval. ``p10_ms`` and ``p90_ms`` are percentiles of all samples,
    freed from drift too. All are None where nothing could be timed (the verdict is then
    ``invalid``).
    ``published`` labels are those imported from tables: they have no samples, and no figure but
    the label. ``energy_mj`` is that of one inference, idle power included, where the device can
    tell.
    """

    subject: Subject
    condition: Condition
    verdict: Verdict
    latency_ms: float | None
    lower_ms: float | None = None
    upper_ms: float | None = None
    p10_ms: float | None = None
    p90_ms: float | None = None
    noise: float | None = None
    blocks: tuple[Block, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    measured_at: str = ""
    energy_mj: float | None = None

    @property
    def usable(self) -> bool:
        """Whether this may train a predictor."""
        return self.verdict.level != "invalid" and self.latency_ms is not None
