"""Whether two sets of measurements differ, and by how much.

Everything is paired: only networks that both sets hold count, as the ratio of B's latency to A's,
and averages are taken of logarithms, so that comparing B with A gives the reciprocal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from latkit.errors import MeasurementsUnusable
from latkit.measure.stats import Z_95
from latkit.measurement import Measurement
from latkit.metrics import kendall, spearman
from latkit.plural import counted
from latkit.subjects import Subject

Floats = NDArray[np.float64]

MIN_COMMON = 3
RESAMPLES = 4000
MAX_DRAWS = 1_000_000
"""Resampling takes room for so many numbers."""
OUTSIDE = 0.05
"""Share of the probability that a 95 % interval leaves out."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """B's latency of one network over A's, with its 95 % interval.

    The bounds are None where either latency comes without its noise, as published labels do.
    """

    subject: Subject
    a_ms: float
    b_ms: float
    ratio: float
    lower: float | None
    upper: float | None

    @property
    def changed(self) -> bool:
        """Whether this network alone shows a difference beyond its noise."""
        return (
            self.lower is not None
            and self.upper is not None
            and not (self.lower <= 1 <= self.upper)
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """How B compares with A.

    Args:
        ratios: of the networks in common, A's fastest first.
        ratio: geometric mean of them.
        lower: of its 95 % interval.
        upper: of its 95 % interval.
        p_value: of Wilcoxon's signed-rank test that log ratios are symmetric about zero.
        kendall: rank correlation (tau-b); NaN where all latencies of a set are equal.
        spearman: the same after Spearman.
        median_difference: median of |log ratio|, as a share: 0.03 stands for 3 %.
    """

    ratios: tuple[Ratio, ...]
    ratio: float
    lower: float
    upper: float
    p_value: float
    kendall: float
    spearman: float
    median_difference: float

    @property
    def changed(self) -> tuple[int, int]:
        """How many networks changed beyond their noise, of how many whose noise is known."""
        known = [one for one in self.ratios if one.lower is not None]
        return sum(one.changed for one in known), len(known)

    @property
    def shifted(self) -> bool:
        """Whether the interval of the mean ratio excludes 1."""
        return not self.lower <= 1 <= self.upper

    @property
    def scattered(self) -> bool:
        """Whether more networks changed than do by chance, each in whatever direction."""
        from scipy.stats import binom

        changed, known = self.changed
        return bool(binom.sf(changed - 1, known, OUTSIDE) < OUTSIDE)

    @property
    def differs(self) -> bool:
        """Whether the sets differ, on average or network by network."""
        return self.shifted or self.scattered


def compare(
    a: Mapping[Subject, Measurement], b: Mapping[Subject, Measurement], rng: np.random.Generator
) -> Comparison:
    """Compare two sets of usable measurements.

    Raises MeasurementsUnusable where they have fewer than three networks in common.
    """
    common = sorted(a.keys() & b.keys(), key=lambda arch: (_ms(a[arch]), arch.collection, arch.key))
    if len(common) < MIN_COMMON:
        raise MeasurementsUnusable(
            f"{counted(len(common), 'network')} in common, too few to compare",
            "measure the same networks: the same --seed and --n, or the same --archs",
        )
    a_ms = np.array([_ms(a[arch]) for arch in common])
    b_ms = np.array([_ms(b[arch]) for arch in common])
    logs = np.log(b_ms / a_ms)
    lower, upper = _mean_interval(logs, rng)
    return Comparison(
        _ratios([a[arch] for arch in common], [b[arch] for arch in common]),
        ratio=float(np.exp(logs.mean())),
        lower=lower,
        upper=upper,
        p_value=_signed_rank(logs),
        **_rank_correlations(a_ms, b_ms),
        median_difference=float(np.expm1(np.median(np.abs(logs)))),
    )


def _ms(measurement: Measurement) -> float:
    assert measurement.latency_ms is not None, "only usable measurements are compared"
    return measurement.latency_ms


def _mean_interval(logs: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Bounds of the geometric mean ratio: the wider of a bootstrap's and of Student's t.

    Percentiles of a bootstrap over networks are too close together for few networks, Student's t
    goes astray where ratios are skewed (Hesterberg, "What Teachers Should Know About the
    Bootstrap", The American Statistician 69, 2015).
    """
    from scipy.stats import t

    mean, count = float(logs.mean()), len(logs)
    half = float(t.ppf(1 - OUTSIDE / 2, count - 1) * logs.std(ddof=1) / count**0.5)
    tails = [100 * OUTSIDE / 2, 100 * (1 - OUTSIDE / 2)]
    low, high = np.percentile(_resampled_means(logs, rng), tails)
    return float(np.exp(min(low, mean - half))), float(np.exp(max(high, mean + half)))


def _resampled_means(logs: Floats, rng: np.random.Generator) -> Floats:
    count = len(logs)
    at_once = max(1, MAX_DRAWS // count)
    parts = [min(at_once, RESAMPLES - done) for done in range(0, RESAMPLES, at_once)]
    return np.concatenate(
        [logs[rng.integers(count, size=(part, count))].mean(axis=1) for part in parts]
    )


def _signed_rank(logs: Floats) -> float:
    from scipy.stats import wilcoxon

    # A ratio and its reciprocal are a tie, which a last binary digit must not break.
    rounded = np.round(logs, 12)
    return float(wilcoxon(rounded).pvalue) if np.any(rounded) else 1.0


def _rank_correlations(a_ms: Floats, b_ms: Floats) -> dict[str, float]:
    if np.ptp(a_ms) == 0 or np.ptp(b_ms) == 0:
        return {"kendall": np.nan, "spearman": np.nan}
    return {"kendall": kendall(a_ms, b_ms), "spearman": spearman(a_ms, b_ms)}


def _ratios(a: Sequence[Measurement], b: Sequence[Measurement]) -> tuple[Ratio, ...]:
    errors = [_hypot(*both) for both in zip(_errors(a), _errors(b), strict=True)]
    return tuple(_ratio(*row) for row in zip(a, b, errors, strict=True))


def _ratio(a: Measurement, b: Measurement, error: float | None) -> Ratio:
    ratio = _ms(b) / _ms(a)
    if error is None:
        return Ratio(a.subject, _ms(a), _ms(b), ratio, None, None)
    factor = float(np.exp(Z_95 * error))
    return Ratio(a.subject, _ms(a), _ms(b), ratio, ratio / factor, ratio * factor)


def _errors(measurements: Sequence[Measurement]) -> list[float | None]:
    """Relative standard errors of the latencies of one set.

    Two processes may agree by chance, and the noise that they show is then too small. So no
    latency is believed to be known better than is typical of its set: the root mean square over
    the valid ones, or the median where none is valid.
    """
    known = [m.noise for m in measurements if m.noise is not None]
    valid = [m.noise for m in measurements if m.noise is not None and m.verdict.level == "valid"]
    typical = float(np.sqrt(np.mean(np.square(valid)))) if valid else median(known or [0.0])
    return [None if m.noise is None else max(m.noise, typical) for m in measurements]


def _hypot(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else float(np.hypot(a, b))
