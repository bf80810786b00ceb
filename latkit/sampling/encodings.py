"""Architectures as points between which distances mean something to a latency.

An encoding gives every architecture a row; samplers that spread their choice do so over its
rows. Columns are centred and scaled, so that no unit of measurement counts more than another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from latkit import spaces
from latkit.features.additive import Floats
from latkit.features.physical import Physical, physical
from latkit.features.positions import onehot
from latkit.predictor.bundle import Bundle
from latkit.sampling.base import Choice
from latkit.spaces.base import Indices, Space

Encoding = Callable[[Space, Indices], Floats]
"""From operation indices, shape (n, positions), to coordinates, shape (n, d)."""
CONSTANT = 1e-6


def operations(space: Space, indices: Indices) -> Floats:
    """One-hot encoded operations: which one is where."""
    hits = np.asarray(onehot(indices, len(space.operations), space.positions), dtype=np.float64)
    return np.asarray(hits - hits.mean(axis=0))


def costs(space: Space, indices: Indices) -> Floats:
    """Physical costs, in units of their standard deviations."""
    values = np.asarray(_physical(space.name).totals(indices), dtype=np.float64)
    centred, scale = values - values.mean(axis=0), values.std(axis=0)
    vary = scale > CONSTANT * np.abs(values).max(axis=0, initial=1.0)
    return np.asarray(centred[:, vary] / scale[vary])


def features_of(bundle: Bundle) -> Encoding:
    """All kernel blocks of a bundle, whitened sources included, each of total variance 1."""

    def encode(_space: Space, indices: Indices) -> Floats:
        blocks = np.hstack(bundle.prior.design(bundle.features(indices)).log)
        return np.asarray(blocks - blocks.mean(axis=0))

    return encode


def encoding_of(name: str, choice: Choice) -> Encoding:
    """An encoding by its name; raises BundleError where it needs a bundle and there is none."""
    if name == "features":
        return features_of(choice.bundle or Bundle.shipped(choice.space.name))
    return {"operations": operations, "costs": costs}[name]


@cache
def _physical(name: str) -> Physical:
    # The generator only picks where the tables are verified.
    return physical(spaces.get(name), np.random.default_rng(0))
