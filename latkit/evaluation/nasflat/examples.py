"""What NASFLAT learns from: latencies of sources made comparable, and which source is alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.metrics import spearman

Floats = NDArray[np.float64]
MIN_COMMON = 3
"""A source that shares fewer architectures with the samples is not compared with them."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Latencies of architectures on devices, all of shape (n,).

    Args:
        rows: of the graphs.
        devices: hardware embeddings.
        latencies: in any unit in which devices may be compared with each other.
    """

    rows: NDArray[np.int64]
    devices: NDArray[np.int64]
    latencies: Floats


def draw(latency_ms: Floats, archs: int, rng: np.random.Generator) -> Examples:
    """At most so many latencies of every device, scaled to [0, 1] per device, as published.

    Args:
        latency_ms: shape (n, devices), NaN where not measured.
        archs: to draw for each device.
        rng: draws.
    """
    low, high = np.nanmin(latency_ms, axis=0), np.nanmax(latency_ms, axis=0)
    scaled = (latency_ms - low) / np.maximum(high - low, np.finfo(float).tiny)
    order = rng.permutation(len(latency_ms))
    drawn = [order[np.isfinite(column[order])][:archs] for column in scaled.T]
    rows = np.concatenate(drawn)
    devices = np.repeat(np.arange(len(drawn)), [len(each) for each in drawn])
    return Examples(rows, devices, scaled[rows, devices])


def most_alike(source_ms: Floats, target_ms: Floats) -> int:
    """Column whose rank correlation with the target is highest, the first if none has any.

    Args:
        source_ms: shape (m, devices), NaN where not measured.
        target_ms: shape (m,).
    """
    return int(np.argmax([_rank_correlation(column, target_ms) for column in source_ms.T]))


def _rank_correlation(source_ms: Floats, target_ms: Floats) -> float:
    known = np.isfinite(source_ms)
    one, other = source_ms[known], target_ms[known]
    if known.sum() < MIN_COMMON or not (np.ptp(one) and np.ptp(other)):
        return -1.0
    return spearman(one, other)
