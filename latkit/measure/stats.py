"""Statistics of latency samples.

The label is a median: latencies are skewed by interruptions, and the median of a skewed sample
is what a user mostly sees. Its interval comes from order statistics and assumes no distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Samples = Sequence[int] | NDArray[np.float64]

Z_95 = 1.96
NOISE_FLOOR = 0.002
"""No latency is believed to be known better than this, relative."""
MAX_NOISE = 1.0
"""One who is so unsure knows nothing, relative."""
CALM_NS = 50e6
CALM_RUNS = 20
"""The shortest window in which a device is said to have been calm: so long, and so many runs."""
MIN_THIRD = 10
MIN_BIMODAL = 40


@dataclass(frozen=True, slots=True)
class Interval:
    """A median and the bounds of its 95 % interval, in the unit of the samples."""

    median: float
    lower: float
    upper: float

    def divided(self, factor: float) -> Interval:
        """In another unit."""
        return Interval(self.median / factor, self.lower / factor, self.upper / factor)


@dataclass(frozen=True, slots=True)
class Label:
    """What a measurement says, in ms.

    ``noise`` is the relative standard error of ``latency_ms`` as a forecast of what another
    campaign would say; ``lower_ms`` and ``upper_ms`` bound its 95 % interval.
    """

    latency_ms: float
    lower_ms: float
    upper_ms: float
    p10_ms: float
    p90_ms: float
    noise: float


def median_interval(samples: Samples) -> Interval:
    """Median with its order-statistic 95 % interval (binomial, normal approximation).

    Of fewer than six samples the whole range is given, which holds the median less often.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    count = len(ordered)
    low = max(0, int(np.floor((count - Z_95 * count**0.5) / 2)) - 1)
    median = float(np.median(ordered))
    return Interval(median, float(ordered[low]), float(ordered[count - 1 - low]))


def trend(samples: Sequence[int]) -> float:
    """Relative change of the median from the first to the last third; 0 if chance explains it."""
    third = len(samples) // 3
    if third < MIN_THIRD:
        return 0.0
    first, last = median_interval(samples[:third]), median_interval(samples[-third:])
    apart = first.upper < last.lower or last.upper < first.lower
    return last.median / first.median - 1 if apart else 0.0


def bimodality(samples: Sequence[int]) -> float:
    """Relative distance between two modes; 0 where there is one mode, perhaps with a tail.

    Two modes each hold a fifth of the samples or more, are less than half as wide as they are
    apart, and leave the space between them almost empty.
    """
    values = np.sort(np.log(np.asarray(samples, dtype=np.float64)))
    if len(values) < MIN_BIMODAL:
        return 0.0
    fewest = len(values) // 5
    gaps = np.diff(values)[fewest - 1 : len(values) - fewest]
    split = fewest + int(np.argmax(gaps))
    lower, upper = values[:split], values[split:]
    distance = float(np.median(upper) - np.median(lower))
    widest = max(float(np.subtract(*np.percentile(mode, [75, 25]))) for mode in (lower, upper))
    middle = np.median(lower) + distance * np.array([1 / 3, 2 / 3])
    between = np.mean((values > middle[0]) & (values < middle[1]))
    return float(np.expm1(distance)) if widest < distance / 2 and between < 0.05 else 0.0


def calm(samples: Samples) -> Interval:
    """The median in the calmest window of one process's samples, with its interval.

    Other work on a machine slows a network down, never speeds it up, and comes and goes within
    seconds. The samples are cut into windows of 50 ms, or 20 runs where that is longer; what the
    fastest of them says is what the device does when it is left alone. On a quiet device all
    windows say the same.
    """
    values = np.asarray(samples, dtype=np.float64)
    ends = np.cumsum(values)
    window_ns = max(CALM_NS, CALM_RUNS * float(np.median(values)))
    # Where windows begin: never more of them than samples, however long a sample is.
    cuts = np.unique(np.floor(ends / window_ns), return_index=True)[1]
    windows = [values[low:high] for low, high in pairwise(cuts) if high - low >= CALM_RUNS]
    return min(
        (median_interval(window) for window in windows or [values]),
        key=lambda interval: interval.median,
    )


def disagreement(medians: Sequence[float]) -> float:
    """Relative difference of the two fastest of several processes; 0 for a single one.

    Two that agree are enough, but they must be the two that were disturbed least.
    """
    ordered = sorted(medians)
    return ordered[1] / ordered[0] - 1 if len(ordered) > 1 else 0.0


def label(
    blocks_ns: Sequence[Sequence[int]], drift: Sequence[float], *, unsure: float = 0.0
) -> Label:
    """One label from the samples of several processes: of the two fastest, the mean.

    Args:
        blocks_ns: samples of every process, ns.
        drift: by how much the whole device was slower than usual during each (1 = not at all).
        unsure: relative standard error that these processes have in common and do not show.
    """
    blocks = list(zip(blocks_ns, drift, strict=True))
    corrected = [np.asarray(samples) / factor for samples, factor in blocks]
    found = [calm(samples).divided(factor) for samples, factor in blocks]
    intervals = sorted(found, key=lambda interval: interval.median)[:2]
    latency = float(np.mean([interval.median for interval in intervals]))
    p10, p90 = np.percentile(np.concatenate(corrected), [10, 90])
    seen = max(NOISE_FLOOR, _standard_error(intervals) / latency)
    noise = min(float(np.hypot(seen, unsure)), MAX_NOISE)
    factor = float(np.exp(Z_95 * noise))
    return Label(
        latency_ms=latency / 1e6,
        lower_ms=latency / factor / 1e6,
        upper_ms=latency * factor / 1e6,
        p10_ms=float(p10) / 1e6,
        p90_ms=float(p90) / 1e6,
        noise=noise,
    )


def _standard_error(intervals: Sequence[Interval]) -> float:
    """Of the median of several processes' medians: by chance within them and between them."""
    count = len(intervals)
    within = np.mean([((i.upper - i.lower) / 2 / Z_95) ** 2 for i in intervals])
    between = np.var([i.median for i in intervals], ddof=1) if count > 1 else 0.0
    return float(((within + between) / count) ** 0.5)
