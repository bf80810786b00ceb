"""Physical costs of architectures as tables: one matrix product from operations to FLOPs.

Costs are of what an architecture's choices add: for each group of positions the cheapest choice
counts as zero, for a device's constant share is learned anyway. Where a space has dead
operations (NB201), costs are given of the raw cell, as eager runtimes execute it; of the pruned
cell, as the best compilers do (OpenVINO); and of two cells between: as runtimes do that fold
constants but compute what nobody uses (onnxruntime), and as those do that compute only what is
used, but with constants too (LiteRT, ncnn).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.features.additive import Floats, Groups, groups_of, tabulate
from latkit.features.costs import BY_KIND, NAMES, TOTALS, cost_vector
from latkit.features.positions import onehot
from latkit.spaces.base import Space

NOTHING = "none"
FED, USED, LIVE = "fed_", "used_", "live_"
PREFIXES = ("", FED, USED, LIVE)
DEPTHS = ("flops", "fused_launches")
UNREACHABLE = np.float32(-1e12)
DUPLICATE = 0.9999


@dataclass(frozen=True)
class Physical:
    """Costs of a space's architectures.

    Attributes:
        table: shape (groups.columns, len(NAMES)), of what choices add.
        depth: one-hot weights of ``DEPTHS`` at every node of the graph, shape
            (positions * operations, V * 2).
    """

    space: Space
    groups: Groups
    table: Floats
    depth: NDArray[np.float32]

    def totals(self, operations: Any) -> Any:
        """Costs in the order of ``names``, shape (n, len(names)); traceable."""
        cells = variants(self.space, operations)
        found = [self._costs(cell, TOTALS) for cell in cells.values()]
        depths = [self._depths(cells[LIVE])] if LIVE in cells else []
        return np.concatenate([*found, *depths], axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of ``totals``."""
        prefixes = variant_names(self.space)
        totals = (f"{prefix}{name}" for prefix in prefixes for name in TOTALS)
        depths = (f"{LIVE}depth_{name}" for name in DEPTHS if LIVE in prefixes)
        return (*totals, *depths)

    def by_kind(self, operations: Any) -> Any:
        """Launches, bytes and FLOPs by kind of layer, shape (n, len(BY_KIND)); traceable."""
        return self._costs(operations, BY_KIND)

    def _costs(self, operations: Any, names: tuple[str, ...]) -> Any:
        columns = [NAMES.index(name) for name in names]
        return self.groups.onehot(operations) @ self.table[:, columns].astype(np.float32)

    def _depths(self, live: Any) -> Any:
        """``DEPTHS`` along the longest path from input to output, node by node."""
        flat = onehot(live, len(self.space.operations), self.space.positions)
        own = (flat @ self.depth).reshape(-1, len(self.space.nodes) + 2, len(DEPTHS))
        apart = (self.space.adjacency(live) == 0).astype(np.float32) * UNREACHABLE
        reached = [own[:, 0]]
        for node, feeding in enumerate(_feeding(self.space), start=1):
            paths = [reached[other] + apart[:, [other], node] for other in feeding]
            reached.append(reduce(np.maximum, paths) + own[:, node])
        return np.maximum(reached[-1], np.float32(0))


def has_dead_operations(space: Space) -> bool:
    """Whether pruning changes anything in this space."""
    return NOTHING in space.operations


def variant_names(space: Space) -> tuple[str, ...]:
    """Prefixes of what is known of each variant of an architecture; the raw one has none."""
    return PREFIXES if has_dead_operations(space) else ("",)


def variants(space: Space, operations: Any) -> dict[str, Any]:
    """Operations as given; as far as they are fed, or used; and as far as they are alive."""
    if not has_dead_operations(space):
        return {"": operations}
    found = (operations, space.fed(operations), space.used(operations), space.live(operations))
    return dict(zip(PREFIXES, found, strict=True))


@cache
def known_costs(space: Space) -> Physical:
    """``physical``, measured once in a process and verified at the same places always."""
    return physical(space, np.random.default_rng(0))


def physical(space: Space, rng: np.random.Generator) -> Physical:
    """Measure the tables of a space on its layer IR; ``rng`` chooses where they are verified."""
    groups = groups_of(space)
    table = tabulate(space, lambda row: cost_vector(space.network(space.from_indices(row))), rng)
    for start, end in zip(groups.starts[:-1], groups.starts[1:], strict=True):
        table[start:end] -= table[start:end].min(axis=0)
    return Physical(space, groups, table, _depth_weights(space, groups, table))


def single_costs(space: Space, groups: Groups, table: Floats) -> Floats:
    """What each operation alone adds, shape (positions, operations, d)."""
    result = np.empty((space.positions, len(space.operations), table.shape[1]))
    for position in range(space.positions):
        rows = np.zeros((len(space.operations), space.positions), dtype=np.int64)
        rows[:, position] = np.arange(len(space.operations))
        values = groups.onehot(rows).astype(float) @ table
        result[position] = values - values.min(axis=0)
    return result


def _depth_weights(space: Space, groups: Groups, table: Floats) -> NDArray[np.float32]:
    columns = [NAMES.index(name) for name in DEPTHS]
    single = single_costs(space, groups, table[:, columns])
    if has_dead_operations(space):
        single[:, space.operations.index(NOTHING)] = UNREACHABLE
    weights = np.zeros((*single.shape[:2], len(space.nodes) + 2, len(DEPTHS)), dtype=np.float32)
    for node, position in enumerate(space.nodes, start=1):
        weights[position, :, node] = single[position]
    return weights.reshape(space.positions * len(space.operations), -1)


def _feeding(space: Space) -> list[list[int]]:
    """For every node but the input, the nodes that may flow into it."""
    nodes = len(space.nodes) + 2
    if space.edges_vary:
        return [list(range(node)) for node in range(1, nodes)]
    edges = space.adjacency(np.zeros((1, space.positions), dtype=np.int64))[0]
    return [np.flatnonzero(edges[:, node]).tolist() for node in range(1, nodes)]


def distinct_columns(values: NDArray[Any], names: tuple[str, ...]) -> list[int]:
    """Columns that vary and are no multiple of an earlier one."""
    kept: list[int] = []
    for column in range(len(names)):
        spread = values[:, column].std()
        if spread <= 1e-6 * max(np.abs(values[:, column]).mean(), 1e-12):
            continue
        alike = [np.corrcoef(values[:, column], values[:, other])[0, 1] for other in kept]
        if not any(abs(value) > DUPLICATE for value in alike):
            kept.append(column)
    return kept
