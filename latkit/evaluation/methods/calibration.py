"""Positive milliseconds: from scores that only rank, and from regressions that may fall below zero.

All is equivariant in the unit of the latencies, keeps the order of what it is given, and bears
outliers: lines are those of Theil and Sen (median slope of all pairs, median offset).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latkit.evaluation.method import Floats

LEAST_EXPONENT = 1e-3
"""Where the samples say that more costs less, latencies are all but constant; the order stays."""

LARGEST_LOG = 700.0
"""A power through two samples that are all but level in their scores would overflow."""

Curve = Callable[[Floats], Floats]


def fit_curve(scores: Floats, latency_ms: Floats) -> Curve:
    """An increasing curve through samples: a line or a power, whichever is nearer to them.

    Args:
        scores: positive, shape (n,) with n of at least 1.
        latency_ms: shape (n,).
    """
    curves = (_power(scores, latency_ms), _line(scores, latency_ms))
    return min(curves, key=lambda curve: np.abs(np.log(curve(scores) / latency_ms)).mean())


def positive(latency_ms: Floats, samples_ms: Floats) -> Floats:
    """Predictions, shape (n,), bent smoothly towards zero below half of the fastest sample."""
    floor = samples_ms.min() / 2
    below = np.minimum(latency_ms, floor)
    return np.where(latency_ms < floor, floor**2 / (2 * floor - below), latency_ms)


def _power(scores: Floats, latency_ms: Floats) -> Curve:
    slope = max(_slope(np.log(scores), np.log(latency_ms)), LEAST_EXPONENT)
    offset = np.median(np.log(latency_ms) - slope * np.log(scores))
    return lambda given: np.exp(np.minimum(offset + slope * np.log(given), LARGEST_LOG))


def _line(scores: Floats, latency_ms: Floats) -> Curve:
    least = LEAST_EXPONENT * np.median(latency_ms) / np.median(scores)
    slope = max(_slope(scores, latency_ms), least)
    offset = float(np.median(latency_ms - slope * scores))
    if offset < 0:
        slope, offset = float(np.median(latency_ms / scores)), 0.0
    return lambda given: offset + slope * given


def _slope(x: Floats, y: Floats) -> float:
    first, second = np.triu_indices(len(x), 1)
    run, rise = x[second] - x[first], y[second] - y[first]
    apart = run != 0
    return float(np.median(rise[apart] / run[apart])) if apart.any() else 0.0
