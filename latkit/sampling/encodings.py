"""Architectures as points between which distances mean something to a latency.

An encoding gives every architecture a row; samplers that spread their choice do so over its
rows. Columns are centred and scaled, so that no unit of measurement counts more than another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latkit.features.additive import Floats
from latkit.features.physical import known_costs
from latkit.features.positions import onehot
from latkit.sampling.base import Choice
from latkit.spaces.base import Indices

CONSTANT = 1e-6


@dataclass(frozen=True, slots=True)
class Encoding:
    """A way from architectures to points.

    Args:
        points: of a choice's architectures given as operation indices, shape (n, positions), their
            coordinates, shape (n, d).
        looks_at_bundle: whether they are read off the choice's bundle, which latencies have shaped.
    """

    points: Callable[[Choice, Indices], Floats]
    looks_at_bundle: bool = False


def operations(choice: Choice, indices: Indices) -> Floats:
    """One-hot encoded operations: which one is where."""
    space = choice.space
    hits = np.asarray(onehot(indices, len(space.operations), space.positions), dtype=np.float64)
    return np.asarray(hits - hits.mean(axis=0))


def costs(choice: Choice, indices: Indices) -> Floats:
    """Physical costs, counted from the layers, in units of their standard deviations."""
    values = np.asarray(known_costs(choice.space).totals(indices), dtype=np.float64)
    centred, scale = values - values.mean(axis=0), values.std(axis=0)
    vary = scale > CONSTANT * np.abs(values).max(axis=0, initial=1.0)
    return np.asarray(centred[:, vary] / scale[vary])


def features(choice: Choice, indices: Indices) -> Floats:
    """All kernel blocks of the bundle, whitened sources included, each of total variance 1."""
    bundle = choice.look()
    blocks = np.hstack(bundle.prior.design(bundle.features(indices)).log)
    return np.asarray(blocks - blocks.mean(axis=0))


OPERATIONS = Encoding(operations)
COSTS = Encoding(costs)
FEATURES = Encoding(features, looks_at_bundle=True)
