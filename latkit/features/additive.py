"""Quantities that add up over an architecture's positions, as one matrix product.

Positions whose operations flow into the same node are one *group*: how many of them are there
decides how often outputs are added up, so their cost is a table over joint operations. Groups do
not interact; a quantity is the sum of one table row per group, exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.errors import UsageError
from latkit.features.positions import onehot
from latkit.spaces.base import Indices, Space

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Groups:
    """Positions grouped by the node they flow into, and their joint one-hot encoding.

    Attributes:
        strides: shape (positions, groups); ``operations @ strides`` are joint operation indices.
        starts: shape (groups + 1,); where each group's columns begin, and their total number.
    """

    strides: Indices
    starts: Indices

    @property
    def columns(self) -> int:
        """Width of the joint one-hot encoding."""
        return int(self.starts[-1])

    def onehot(self, operations: Any) -> Any:
        """Joint one-hot encoding, shape (n, columns), of an array of shape (n, positions).

        Written so that a traced tensor passes through it too.
        """
        joint = operations @ self.strides
        sizes = np.diff(self.starts)
        if (sizes == sizes[0]).all():
            return onehot(joint, int(sizes[0]), len(sizes))
        parts = [onehot(joint[:, [group]], int(size), 1) for group, size in enumerate(sizes)]
        return np.concatenate(parts, axis=1)


def groups_of(space: Space) -> Groups:
    """The groups of a space, read off its graph: positions that have the same successors."""
    graph = space.encode(space.from_indices([0] * space.positions))
    members: dict[bytes, list[int]] = {}
    for position, successors in enumerate(graph.adjacency[1:-1]):
        members.setdefault(successors.tobytes(), []).append(position)
    base = len(space.operations)
    strides = np.zeros((space.positions, len(members)), dtype=np.int64)
    sizes = []
    for group, positions in enumerate(members.values()):
        strides[positions, group] = base ** np.arange(len(positions))
        sizes.append(base ** len(positions))
    return Groups(strides, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


def tabulate(
    space: Space, measure: Callable[[Indices], Floats], rng: np.random.Generator, checks: int = 20
) -> Floats:
    """Table of shape (columns, d) with ``groups.onehot(x) @ table == measure(x)`` for every x.

    Args:
        space: the architecture space.
        measure: the quantities of one architecture, shape (d,), from its operations (positions,).
        rng: chooses the architectures on which the table is verified.
        checks: how many of them.

    Raises:
        UsageError: the quantities do not add up over the space's groups.
    """
    groups = groups_of(space)
    origin = np.zeros(space.positions, dtype=np.int64)
    base = measure(origin)
    table = np.zeros((groups.columns, len(base)))
    for group in range(groups.strides.shape[1]):
        members = np.flatnonzero(groups.strides[:, group])
        for joint in range(groups.starts[group + 1] - groups.starts[group]):
            row = origin.copy()
            row[members] = joint // groups.strides[members, group] % len(space.operations)
            table[groups.starts[group] + joint] = measure(row) - base
    table += base / groups.strides.shape[1]
    _verify(space, groups, table, measure, rng.integers(len(space.operations), size=(checks, 1)))
    drawn = rng.integers(len(space.operations), size=(checks, space.positions))
    _verify(space, groups, table, measure, drawn)
    return table


def _verify(
    space: Space,
    groups: Groups,
    table: Floats,
    measure: Callable[[Indices], Floats],
    operations: Indices,
) -> None:
    operations = np.broadcast_to(operations, (len(operations), space.positions))
    expected = np.stack([measure(row) for row in operations])
    if not np.allclose(groups.onehot(operations).astype(float) @ table, expected, rtol=1e-9):
        raise UsageError(f"these quantities of {space.name} do not add up over its positions")
