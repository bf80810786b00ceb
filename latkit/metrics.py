"""How good predictions are: order, error, and honesty of the interval.

A rank correlation with what is constant is undefined. It is 0 here: what orders nothing has no
merit, and means over devices or seeds stay defined. Who would rather show nothing asks first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.latencies import Latencies

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
    """

    spearman: float
    kendall: float
    median_ape: float
    within_10: float
    coverage: float
    width: float


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
    )


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
