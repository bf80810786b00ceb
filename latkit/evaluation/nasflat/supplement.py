"""The supplementary encoding of fbnet: what its network is told beside the graph.

As published the nodes of an fbnet graph have neither order nor position, so that the network
knows how often a block occurs but not where. What it knows of sizes comes from zero-cost proxies,
thirteen as published. Here they are those two that can be read off an architecture without
running it: FLOPs and parameters.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from latkit.features.physical import Physical, physical
from latkit.spaces import get
from latkit.spaces.base import Indices, Space

COSTS = ("flops", "params")
SUPPLEMENTED = ("fbnet",)
REFERENCE = 2000


def supplement(space: Space, operations: Indices) -> NDArray[np.float32]:
    """Costs of the whole network, logarithms scaled to [0, 1] over the space.

    Shape (n, costs); of spaces for which nothing is supplemented (n, 0).
    """
    if space.name not in SUPPLEMENTED:
        return np.empty((len(operations), 0), dtype=np.float32)
    costs, low, high = _scale(space.name)
    return ((_logarithms(costs, operations) - low) / (high - low)).astype(np.float32)


@lru_cache
def _scale(name: str) -> tuple[Physical, NDArray[np.float64], NDArray[np.float64]]:
    """The tables of a space, and the least and greatest logarithms over a part of it."""
    space, rng = get(name), np.random.default_rng(0)
    costs = physical(space, rng)
    found = _logarithms(costs, space.matrix(space.sample(rng, REFERENCE)))
    return costs, found.min(axis=0), found.max(axis=0)


def _logarithms(costs: Physical, operations: Indices) -> NDArray[np.float64]:
    columns = [costs.names.index(name) for name in COSTS]
    totals = np.asarray(costs.totals(operations), dtype=np.float64)[:, columns]
    return np.log1p(np.maximum(totals, 0))
