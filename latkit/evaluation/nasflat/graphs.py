"""Architectures as the graphs that NASFLAT's network reads, as published and mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.evaluation.nasflat.supplement import supplement
from latkit.spaces.base import Indices, Space


@dataclass(frozen=True, slots=True, eq=False)
class Graphs:
    """Graphs of n architectures with V nodes each, the input first and the output last.

    Args:
        labels: index of every node's label among the space's ``node_labels``, shape (n, V).
        inflow: shape (n, V, V); ``inflow[:, i, j] == 1`` where data flow from node j to node i.
        extra: supplementary encodings, shape (n, E); E may be zero.
    """

    labels: Indices
    inflow: NDArray[np.float32]
    extra: NDArray[np.float32]


Encode = Callable[[Space, Indices], Graphs]


def published(space: Space, operations: Indices) -> Graphs:
    """The graphs of the authors' code.

    Of nb201 the cell without dead operations, skip connections contracted. Of fbnet no chain but
    22 nodes, each fed by itself alone, whose first and last forget their blocks for ``input`` and
    ``output``: what the network learns there comes from attention.

    Args:
        space: of the architectures.
        operations: their indices, shape (n, positions).
    """
    if space.family != "fbnet":
        return mended(space, operations)
    labels = operations + 1
    labels[:, 0], labels[:, -1] = 0, len(space.node_labels) - 1
    itself = np.eye(labels.shape[1], dtype=np.float32)
    inflow = np.broadcast_to(itself, (len(labels), *itself.shape))
    return Graphs(labels, inflow, supplement(space, operations))


def mended(space: Space, operations: Indices) -> Graphs:
    """The same of nb201; of any other space the graphs that it defines itself."""
    labels, adjacency = space.labels(operations), space.adjacency(operations)
    edges = np.broadcast_to(adjacency, (len(labels), *adjacency.shape[1:]))
    if space.family == "nb201":
        names = np.array(space.node_labels)[labels]
        edges = _pruned(_contracted(edges, names))
    inflow = np.ascontiguousarray(edges.swapaxes(1, 2), dtype=np.float32)
    return Graphs(labels, inflow, supplement(space, operations))


def _contracted(edges: Any, names: Any) -> Any:
    """Without what ``none`` would pass on, and with skip connections made edges; node by node."""
    edges = edges.copy()
    for node in range(1, edges.shape[1] - 1):
        edges[names[:, node] == "none", node, :] = False
        edges[names[:, node] == "none", :, node] = False
        before, after = edges[:, :, node].copy(), edges[:, node, :].copy()
        bridged = (names[:, node] == "skip_connect") & before.any(axis=1) & after.any(axis=1)
        edges |= before[:, :, None] & after[:, None, :] & bridged[:, None, None]
        edges[bridged, :, node] = False
        edges[bridged, node, :] = False
    return edges


def _pruned(edges: Any) -> Any:
    """Edges between nodes that are on a path from the first node to the last."""
    nodes = edges.shape[1]
    steps = edges | np.eye(nodes, dtype=bool)
    reach = reduce(np.matmul, [steps] * (nodes - 1))
    alive = reach[:, 0, :] & reach[:, :, -1]
    return edges & alive[:, :, None] & alive[:, None, :]
