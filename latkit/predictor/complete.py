"""Completing sources that were measured on few architectures, by what those on many teach.

The backbone has weights of every device's own, which a few hundred latencies cannot tell; the
adapter needs a few dozen. So a narrow source is adapted to with a bundle of the wide ones, and
what was not measured of it is predicted, before the backbone learns it beside them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latkit.features.features import Features, Floats
from latkit.predictor.adapt import adapt
from latkit.predictor.bundle import Bundle
from latkit.spaces.base import Indices

WIDE = 1000
"""A source of fewer latencies is completed."""
FEWEST_WIDE = 2


def wide(latency_ms: Floats) -> NDArray[np.bool_]:
    """Which sources, columns of (n, devices), are learned as they are."""
    many = np.isfinite(latency_ms).sum(axis=0) >= WIDE
    return many if many.sum() >= FEWEST_WIDE else np.ones_like(many)


def complete(teacher: Bundle, operations: Indices, latency_ms: Floats) -> Floats:
    """Latencies without a gap, where the sources have gaps.

    Args:
        teacher: pretrained on the wide sources.
        operations: indices of all architectures, shape (n, positions).
        latency_ms: of narrow sources, shape (n, devices), NaN where not measured.
    """
    features = teacher.features(operations)
    return np.stack([_completed(teacher, operations, features, one) for one in latency_ms.T], 1)


def _completed(
    teacher: Bundle, operations: Indices, features: Features, latency_ms: Floats
) -> Floats:
    known = np.isfinite(latency_ms)
    predicted_ms, _, _ = adapt(teacher, operations[known], latency_ms[known]).bounds(features)
    return np.where(known, latency_ms, predicted_ms)
