"""Statistics of latency samples.

The label is a median: latencies are skewed by interruptions, and the median of a skewed sample
is what a user mostly sees. Its interval comes from order statistics and assumes no distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Z_95 = 1.96
NOISE_FLOOR = 0.002
"""No latency is believed to be known better than this, relative."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A median and the bounds of its 95 % interval, in the unit of the samples."""

    median: float
    lower: float
    upper: float

    @property
    def half_width(self) -> float:
        """Half the interval, relative to the median."""
        return (self.upper - self.lower) / 2 / self.median


@dataclass(frozen=True, slots=True)
class Label:
    """What a measurement says, in ms; ``noise`` is the relative standard error of ``latency``."""

    latency_ms: float
    lower_ms: float
    upper_ms: float
    p10_ms: float
    p90_ms: float
    noise: float


def median_interval(samples: Sequence[int]) -> Interval:
    """Median with its order-statistic 95 % interval (binomial, normal approximation)."""
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    count = len(ordered)
    reach = Z_95 * count**0.5 / 2
    low = max(0, int(np.floor(count / 2 - reach)))
    high = min(count - 1, int(np.ceil(count / 2 + reach)))
    return Interval(float(np.median(ordered)), float(ordered[low]), float(ordered[high]))


def trend(samples: Sequence[int]) -> float:
    """Relative difference between the medians of the last and the first third."""
    values = np.asarray(samples, dtype=np.float64)
    third = len(values) // 3
    if third < 5:
        return 0.0
    first, last = np.median(values[:third]), np.median(values[-third:])
    return float((last - first) / first)


def disagreement(medians: Sequence[float]) -> float:
    """Relative difference of the two closest of several processes' medians; 0 for a single one.

    Two that agree are enough: the label is the median of all, which does not heed an odd one.
    """
    ordered = sorted(medians)
    if len(ordered) < 2:
        return 0.0
    return min(high / low - 1 for low, high in pairwise(ordered))


def label(blocks_ns: Sequence[Sequence[int]], drift: Sequence[float]) -> Label:
    """One label from the samples of several processes.

    Args:
        blocks_ns: samples of every process, ns.
        drift: by how much the whole device was slower than usual during each (1 = not at all).
    """
    intervals = [median_interval(samples) for samples in blocks_ns]
    medians = [i.median / f for i, f in zip(intervals, drift, strict=True)]
    latency = float(np.median(medians))
    within = float(np.mean([(i.half_width / Z_95) ** 2 for i in intervals])) / len(intervals)
    between = (
        float(np.std(medians, ddof=1) / latency) ** 2 / len(medians) if len(medians) > 1 else 0
    )
    pooled = np.concatenate(
        [np.asarray(samples) / factor for samples, factor in zip(blocks_ns, drift, strict=True)]
    )
    p10, p90 = np.percentile(pooled, [10, 90])
    return Label(
        latency_ms=latency / 1e6,
        lower_ms=min(i.lower / f for i, f in zip(intervals, drift, strict=True)) / 1e6,
        upper_ms=max(i.upper / f for i, f in zip(intervals, drift, strict=True)) / 1e6,
        p10_ms=float(p10) / 1e6,
        p90_ms=float(p90) / 1e6,
        noise=max(NOISE_FLOOR, (within + between) ** 0.5),
    )
