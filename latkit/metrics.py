"""How good predictions are: order, error, and honesty of the interval.

A rank correlation with what is constant is undefined. It is 0 here: what orders nothing has no
merit, and means over devices or seeds stay defined. Who would rather show nothing asks first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.latencies import LEVEL, Latencies

Floats = NDArray[np.float64]
NEAR = 0.1
"""The accuracy of HELP and NASFLAT counts predictions that are off by at most a tenth."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one predictor over some architectures.

    Args:
        spearman: rank correlation; 0 where all predictions, or all latencies, are equal.
        kendall: the same by Kendall's tau-b.
        median_ape: median absolute error, relative to the latency.
        within_10: share of architectures predicted within 10 % of their latency.
        coverage: share of latencies inside the 90 % interval; NaN without intervals.
        width: median width of the interval relative to its centre; NaN without intervals.
        interval_score: mean of ``interval_scores``; NaN without intervals.
    """

    spearman: float
    kendall: float
    median_ape: float
    within_10: float
    coverage: float
    width: float
    interval_score: float


def score(found: Latencies, latency_ms: Floats) -> Scores:
    """Compare predictions with measured latencies, shape (n,)."""
    off = np.abs(found.mean_ms / latency_ms - 1)
    inside = (found.lower_ms <= latency_ms) & (latency_ms <= found.upper_ms)
    has_interval = bool(np.isfinite(found.lower_ms).all())
    return Scores(
        spearman=spearman(found.mean_ms, latency_ms),
        kendall=kendall(found.mean_ms, latency_ms),
        median_ape=float(np.median(off)),
        within_10=float((off <= NEAR).mean()),
        coverage=float(inside.mean()) if has_interval else np.nan,
        width=float(np.median((found.upper_ms - found.lower_ms) / found.mean_ms)),
        interval_score=float(interval_scores(found, latency_ms).mean()),
    )


def interval_scores(found: Latencies, latency_ms: Floats) -> Floats:
    """Width of each interval, and how far the latency lies outside times 2 / (1 - 90 %); (n,).

    In logarithms, so that it is relative to the latency. The less the better; least, in the mean,
    where an interval's ends are the quantiles that it claims (Gneiting & Raftery, "Strictly Proper
    Scoring Rules, Prediction, and Estimation", 2007, section 6.2).
    """
    lower, upper, truth = (np.log(x) for x in (found.lower_ms, found.upper_ms, latency_ms))
    outside = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
    return np.asarray(upper - lower + 2 / (1 - LEVEL) * outside)


def spearman(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation, with ties, of shapes (n,); 0 where either is constant."""
    from scipy.stats import rankdata

    ranks = np.stack([rankdata(one), rankdata(other)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


def kendall(one: Floats, other: Floats) -> float:
    """Kendall's tau-b, of shapes (n,); 0 where either is constant."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(one, other).statistic)
    return tau if np.isfinite(tau) else 0.0
