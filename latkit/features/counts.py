"""FLOPs or parameters of whole networks: one matrix product, no walk through the layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np

from latkit.features.additive import Floats, groups_of, tabulate
from latkit.spaces.base import Indices, Space

Count = Literal["flops", "params"]


@cache
def counter(space: Space, count: Count) -> Callable[[Indices], Floats]:
    """From operation indices (n, positions) to the counts, shape (n,), dead operations included.

    Made once in a process; where its table is verified is always the same. Raises UsageError
    where the count does not add up over the space's positions.
    """
    groups = groups_of(space)

    def measure(row: Indices) -> Floats:
        return np.array([float(getattr(space.network(space.from_indices(row)), count))])

    table = tabulate(space, measure, np.random.default_rng(0))[:, 0]
    return lambda operations: np.asarray(groups.onehot(operations).astype(float) @ table)
