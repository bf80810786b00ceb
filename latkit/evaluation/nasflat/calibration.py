"""Milliseconds from scores that only rank: a line in logarithms, which keeps the ranking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_SLOPE = 1e-3
"""Of log-latency per standard deviation of the samples' scores."""
HUBER = 1.345
MAD_TO_SIGMA = 1.4826
ITERATIONS = 10
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Line:
    """``log(latency) = offset + slope * score`` with a positive slope."""

    offset: float
    slope: float

    def __call__(self, scores: Floats) -> Floats:
        """Latencies in ms, shape (n,)."""
        return np.exp(self.offset + self.slope * scores)


def fit_line(scores: Floats, latency_ms: Floats) -> Line:
    """Through the samples, by Huber's weights: published tables hold broken values.

    Both arguments have shape (n,).
    """
    target = np.log(latency_ms)
    least = LEAST_SLOPE / (float(scores.std()) or 1.0)
    weights = np.ones(len(scores))
    for _ in range(ITERATIONS):
        line = _weighted(scores, target, weights / weights.sum(), least)
        residuals = np.abs(target - line.offset - line.slope * scores)
        scale = MAD_TO_SIGMA * float(np.median(residuals)) + TINY
        weights = np.minimum(1.0, HUBER * scale / np.maximum(residuals, TINY))
    return line


def _weighted(scores: Floats, target: Floats, weights: Floats, least: float) -> Line:
    score, level = float(weights @ scores), float(weights @ target)
    centred = weights * (scores - score)
    slope = float(centred @ (target - level)) / max(float(centred @ (scores - score)), TINY**2)
    slope = max(slope, least)
    return Line(level - slope * score, slope)
