"""How fast the whole device was at every moment, read off its canary network."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

MIN_CANARIES = 3
MAX_HASTE = 0.02
"""By so much a canary may be faster than the reference by chance."""
REACH = 2
"""So many canaries on either side tell together how fast the device was."""
CONTRADICTION = 1.5
"""So many times slower no device is all along while nothing disturbs it: the reference is wrong."""
SLOWER = 1.15
CAMPAIGNS = 2
"""So much slower a device may be today; where so many campaigns in a row say so, it is its usual
state."""
ABSURD = 4.0
"""So many times slower or faster no device becomes, whatever disturbs it."""

UNSURE = 0.01
"""The canary's lower envelope, and the reference, repeat no better than this, relative."""


def envelope(canary_ns: Sequence[float]) -> list[float]:
    """The smallest of every timing and its neighbours."""
    return [min(canary_ns[max(0, i - REACH) : i + REACH + 1]) for i in range(len(canary_ns))]


@dataclass(frozen=True)
class Drift:
    """The canary's timings in the order of time.

    Args:
        moments: when, seconds; at least one.
        canary_ns: its calm median then.
        reference_ns: the same on the device in its usual state.
    """

    moments: tuple[float, ...]
    canary_ns: tuple[float, ...]
    reference_ns: float

    @cached_property
    def lowest_ns(self) -> list[float]:
        """The lower envelope of the timings."""
        return envelope(self.canary_ns)

    @cached_property
    def spread(self) -> float:
        """Relative standard deviation of one timing.

        For a normal variable it is by how much one is typically above the lowest of five; what
        other work on the machine does to a few of them does not count.
        """
        return float(np.median(np.divide(self.canary_ns, self.lowest_ns))) - 1

    def at(self, moment: float) -> float:
        """Slowness of the whole device, relative to its usual self (1 = as usual).

        The lower envelope of the canary's timings, interpolated linearly. What lasts, such as a
        lower clock, shows in all of them; other work on the machine comes and goes, and is to be
        found in the samples themselves.

        What the canary tells is uncertain itself, and the less a difference stands out of that,
        the less of it is believed (the positive-part estimator of James and Stein): dividing by a
        factor of 1.01 that chance made would put an error of 1 % into every label.
        """
        seen = float(np.interp(moment, self.moments, self.lowest_ns)) / self.reference_ns - 1
        return 1 + seen * max(0.0, 1 - (UNSURE / seen) ** 2) if seen else 1.0

    def change(self, moment: float) -> float:
        """By how much the envelope rises or falls about a moment, relative: how unsure it is."""
        after = bisect(self.moments, moment)
        about = self.lowest_ns[max(0, after - 1 - REACH) : after + 1 + REACH]
        return max(about) / min(about) - 1


def better_reference_ns(
    known_ns: float | None,
    calm_ns: Sequence[float],
    earlier_ns: Callable[[], Sequence[float]] = tuple,
) -> float | None:
    """The canary's latency on the device in its usual state; None: no better than what is known.

    It is what the canary takes in a calm campaign under a condition, and stays the same from then
    on: only so are latencies comparable that were measured on different days. A later campaign that
    finds the canary faster knows better, for nothing but interference ever made it slower; one that
    finds it much slower though nothing interferes shows that the reference was never true, and so
    do several in a row that find it somewhat slower.

    Args:
        known_ns: the reference so far; None where there is none.
        calm_ns: the canary's timings while nothing disturbed it.
        earlier_ns: what earlier campaigns found so, oldest first; asked for where it matters.
    """
    found = makeshift_ns(calm_ns)
    if found is None or known_ns is None:
        return found
    if SLOWER * known_ns < found <= CONTRADICTION * known_ns:
        lately = [*earlier_ns(), found][-CAMPAIGNS:]
        agreed = len(lately) == CAMPAIGNS and min(lately) > SLOWER * known_ns
        return min(lately) if agreed else None
    believed = (1 - MAX_HASTE) * known_ns <= found <= CONTRADICTION * known_ns
    return None if believed else found


def makeshift_ns(timings_ns: Sequence[float]) -> float | None:
    """A campaign's own reference, while the device was never calm; None from too few timings."""
    if len(timings_ns) < MIN_CANARIES:
        return None
    return float(np.median(envelope(timings_ns)))
