"""Quantities that add up over an architecture's positions, as one matrix product.

Positions whose operations flow into the same node are one *group*: how many of them are there
decides how often outputs are added up, so their cost is a table over joint operations. Where
edges vary, whatever decides the edges into a node is of its group, and so is the node itself,
for what it costs may depend on them; groups may then share positions. A quantity is the sum of
one table row per group, exactly.
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

PROBES = 500
"""Architectures, at random, on which it is tried which positions decide edges."""
MOST_JOINT = 10_000
NOT_ADDITIVE_HINT = (
    "costs are tables in a predictor's graph; without them the space can be built, measured and "
    "drawn from at random, but not pretrained on"
)


@dataclass(frozen=True, slots=True)
class Groups:
    """Positions grouped by the node they bear upon, and their joint one-hot encoding.

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
    """The groups of a space, read off its graphs.

    Raises UsageError where one of them has more joint operations than a table can hold.
    """
    groups, base = _members(space), len(space.operations)
    strides = np.zeros((space.positions, len(groups)), dtype=np.int64)
    for group, positions in enumerate(groups):
        strides[positions, group] = base ** np.arange(len(positions))
    sizes = [base ** len(positions) for positions in groups]
    if max(sizes) > MOST_JOINT:
        most = len(max(groups, key=len))
        raise UsageError(
            f"what a node of {space.name} takes depends on {most} positions, too many for a table",
            NOT_ADDITIVE_HINT,
        )
    return Groups(strides, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


def _members(space: Space) -> list[list[int]]:
    """Positions of every group: those that are no part of a larger one."""
    found = {frozenset([position]) for position in range(space.positions)}
    found |= {frozenset(np.flatnonzero(column).tolist()) for column in _bearing(space).T}
    return sorted(sorted(group) for group in found if not any(group < other for other in found))


def _bearing(space: Space) -> NDArray[np.bool_]:
    """Which positions bear upon what a node takes, shape (positions, V)."""
    rng = np.random.default_rng(0)
    rows = rng.integers(len(space.operations), size=(PROBES, space.positions))
    edges = space.adjacency(rows)
    bearing = np.stack([_decided(space, rows, edges, at) for at in range(space.positions)])
    varies = np.logical_or.reduce(bearing, axis=0)
    for node, position in enumerate(space.nodes, start=1):
        bearing[position] |= edges[:, node].any(axis=0)
        bearing[position, node] |= varies[node]
    return bearing


def _decided(
    space: Space, rows: Indices, edges: NDArray[np.bool_], position: int
) -> NDArray[np.bool_]:
    """Into which nodes a position decides edges, shape (V,)."""
    differ = np.zeros(edges.shape[2], dtype=bool)
    for operation in range(len(space.operations)):
        changed = rows.copy()
        changed[:, position] = operation
        differ |= np.any(space.adjacency(changed) != edges, axis=(0, 1))
    return differ


def tabulate(
    space: Space, measure: Callable[[Indices], Floats], rng: np.random.Generator, checks: int = 20
) -> Floats:
    """Table of shape (columns, d) with ``groups.onehot(x) @ table == measure(x)`` for every x.

    Each group's rows hold what the groups before it do not explain.

    Args:
        space: the architecture space.
        measure: the quantities of one architecture, shape (d,), from its operations (positions,).
        rng: chooses the architectures on which the table is verified.
        checks: how many of them.

    Raises:
        UsageError: the quantities do not add up over the space's groups.
    """
    groups, count = groups_of(space), len(space.operations)
    width = len(measure(np.zeros(space.positions, dtype=np.int64)))
    table = np.zeros((groups.columns, width))
    for group, start in enumerate(groups.starts[:-1]):
        stride = groups.strides[:, group]
        joint = np.arange(groups.starts[group + 1] - start)[:, None]
        rows = np.where(stride > 0, joint // np.maximum(stride, 1) % count, 0)
        known = groups.onehot(rows).astype(float) @ table
        table[start : start + len(rows)] = np.stack([measure(row) for row in rows]) - known
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
        raise UsageError(
            f"these quantities of {space.name} do not add up over its positions", NOT_ADDITIVE_HINT
        )
