"""What is known of an architecture before training: its costs, and blocks for kernels.

Everything is a table look-up written as a matrix product, so that it runs on numpy arrays, and on
stand-ins that are being traced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.features.costs import BY_KIND, NAMES
from latkit.features.neighbours import NEIGHBOURS, neighbours, varying
from latkit.features.physical import (
    Physical,
    distinct_columns,
    has_dead_operations,
    physical,
    single_costs,
    variants,
)
from latkit.features.positions import counts, onehot, pairs
from latkit.features.smooth import descriptors, factor
from latkit.spaces.base import Indices, Space

MOST_PAIR_COLUMNS = 1000
KERNEL_LENGTH = 4.0
EXACT = "exact"
"""One-hots beside coordinates of choices: what many samples tell of a choice like no other."""


@dataclass(frozen=True)
class Encoder:
    """Costs and kernel blocks of a space's architectures.

    Args:
        physical: cost tables.
        cost_columns: columns of ``physical.totals`` that are worth having.
        kinds: for every variant of an architecture: columns of ``physical.by_kind`` and their
            scale.
        near: for every variant of an architecture: columns of ``neighbours`` that vary.
        smooth: by block name, coordinates of choices, shape (positions * operations, D); where
            there are any, they stand in for one-hots.
    """

    physical: Physical
    cost_columns: list[int]
    kinds: Mapping[str, tuple[list[int], NDArray[np.float32]]]
    near: Mapping[str, list[int]]
    smooth: Mapping[str, NDArray[np.float32]]

    @property
    def cost_names(self) -> tuple[str, ...]:
        """Names of the columns of ``costs``."""
        return tuple(self.physical.names[column] for column in self.cost_columns)

    def costs(self, operations: Any) -> Any:
        """Physical costs, shape (n, C)."""
        return self.physical.totals(operations)[:, self.cost_columns]

    def joint(self, operations: Any) -> Any:
        """Joint one-hot encodings of every variant of an architecture, for the backbone."""
        groups = self.physical.groups
        cells = variants(self.physical.space, operations).values()
        return np.concatenate([groups.onehot(cell) for cell in cells], 1)

    def blocks(self, operations: Any) -> dict[str, Any]:
        """Kernel blocks by name."""
        space = self.physical.space
        choices, positions, nodes = len(space.operations), space.positions, list(space.nodes)
        found = {}
        for prefix, cell in variants(space, operations).items():
            columns, scale = self.kinds[prefix]
            found[f"{prefix}kinds"] = self.physical.by_kind(cell)[:, columns] / scale
            found[f"{prefix}counts"] = counts(cell[:, nodes], choices, len(nodes))
            if self.near[prefix]:
                found[prefix + NEIGHBOURS] = neighbours(space, cell)[:, self.near[prefix]]
            if not self.smooth:
                found[f"{prefix}onehot"] = onehot(cell, choices, positions)
            if positions * (positions - 1) // 2 * choices**2 <= MOST_PAIR_COLUMNS:
                found[f"{prefix}pairs"] = pairs(cell, choices, positions)
        if self.smooth:
            flat = found[EXACT] = onehot(operations, choices, positions)
            found |= {name: flat @ table for name, table in self.smooth.items()}
        return found


def encoder(space: Space, reference: Indices, rng: np.random.Generator) -> Encoder:
    """Measure a space's costs; ``reference`` architectures (n, positions) tell what varies."""
    tables = physical(space, rng)
    columns = distinct_columns(tables.totals(reference), tables.names)
    cells = variants(space, reference)
    kinds = {prefix: _scaled(tables.by_kind(cell)) for prefix, cell in cells.items()}
    near = {prefix: varying(space, cell) for prefix, cell in cells.items()}
    told_by_costs = not (has_dead_operations(space) or space.edges_vary)
    smooth = _smooth(space, tables) if told_by_costs else {}
    return Encoder(tables, columns, kinds, near, smooth)


def _scaled(values: NDArray[np.float32]) -> tuple[list[int], NDArray[np.float32]]:
    columns = distinct_columns(values, BY_KIND)
    return columns, values[:, columns].std(axis=0).astype(np.float32)


def _smooth(space: Space, tables: Physical) -> dict[str, NDArray[np.float32]]:
    single = single_costs(space, tables.groups, tables.table)
    used = [NAMES.index(name) for name in (*BY_KIND, "params") if not name.endswith("launches")]
    coordinates = factor(descriptors(single[:, :, used]), KERNEL_LENGTH)
    found = {"smooth": coordinates}
    for name in ("bytes", "flops"):
        weight = single[:, :, NAMES.index(name)].reshape(-1, 1)
        found[f"smooth_{name}"] = coordinates * weight / weight.mean()
    return {name: values.astype(np.float32) for name, values in found.items()}
