"""Which operations feed which, and which feed the same: what a runtime may fuse or convert.

A convolution whose result is pooled may be laid out anew, one whose result is added may be fused
with the addition. What such a pair of operations costs beside the sum of both is learned from
how often it occurs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.features.positions import onehot
from latkit.spaces.base import Indices, Space

NEIGHBOURS = "neighbours"


def neighbours(space: Space, operations: Any) -> Any:
    """Counts of pairs of node labels, shape (n, 2 * labels^2); traceable.

    First of those of which one feeds the other, then of those that feed the same node.
    """
    labels = len(space.node_labels)
    nodes = len(space.nodes) + 2
    here = onehot(space.labels(operations), labels, nodes).reshape(-1, nodes, labels)
    edges = space.adjacency(operations).astype(np.float32)
    pooled = here.transpose(0, 2, 1)
    feeding = pooled @ (edges @ here)
    together = pooled @ (edges @ (edges.transpose(0, 2, 1) @ here))
    both = [pairs.reshape(-1, labels * labels) for pairs in (feeding, together)]
    return np.concatenate(both, axis=1)


def varying(space: Space, reference: Indices) -> list[int]:
    """Columns that are not the same for all of some architectures, each of its kind once."""
    found: NDArray[np.float32] = neighbours(space, reference)
    _, first = np.unique(found, axis=1, return_index=True)
    return sorted(int(column) for column in first if np.ptp(found[:, column]) > 0)
