"""From operation indices to all that the adapter sees, as one function that becomes one graph.

Everything is a table look-up written as a matrix product, or the backbone's forward pass; the
function runs on numpy arrays, and on stand-ins to be written as ``features.onnx``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.features.additive import Floats
from latkit.features.costs import BY_KIND, NAMES
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
from latkit.predictor.inference import Weights, node_labels, run
from latkit.spaces.base import Indices, Space

MOST_PAIR_COLUMNS = 1000
SOURCE_FLOOR = np.float32(0.02)
"""No source device is predicted to take less than this share of its median."""
KERNEL_LENGTH = 4.0
EMBEDDING = 16


@dataclass(frozen=True)
class Encoder:
    """The part that is known before training: costs and kernel blocks of a space.

    Args:
        physical: cost tables.
        cost_columns: columns of ``physical.totals`` that are worth having.
        kinds: for every variant of an architecture: columns of ``physical.by_kind`` and their
            scale.
        smooth: by block name, coordinates of choices, shape (positions * operations, D); where
            there are any, they stand in for one-hots.
    """

    physical: Physical
    cost_columns: list[int]
    kinds: Mapping[str, tuple[list[int], NDArray[np.float32]]]
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
        choices, positions = len(space.operations), space.positions
        found = {}
        for prefix, cell in variants(space, operations).items():
            columns, scale = self.kinds[prefix]
            found[f"{prefix}kinds"] = self.physical.by_kind(cell)[:, columns] / scale
            found[f"{prefix}counts"] = counts(cell, choices, positions)
            if not self.smooth:
                found[f"{prefix}onehot"] = onehot(cell, choices, positions)
            if positions * (positions - 1) // 2 * choices**2 <= MOST_PAIR_COLUMNS:
                found[f"{prefix}pairs"] = pairs(cell, choices, positions)
        flat = onehot(operations, choices, positions)
        return found | {name: flat @ table for name, table in self.smooth.items()}


def encoder(space: Space, reference: Indices, rng: np.random.Generator) -> Encoder:
    """Measure a space's costs; ``reference`` architectures (n, positions) tell what varies."""
    tables = physical(space, rng)
    columns = distinct_columns(tables.totals(reference), tables.names)
    cells = variants(space, reference)
    kinds = {prefix: _scaled(tables.by_kind(cell)) for prefix, cell in cells.items()}
    smooth = {} if has_dead_operations(space) else _smooth(space, tables)
    return Encoder(tables, columns, kinds, smooth)


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


@dataclass(frozen=True)
class Featuriser:
    """The whole: encoder, trained backbone, and what its scores mean.

    Args:
        encoder: costs and kernel blocks.
        weights: of the backbone.
        centre, scale: shape (devices,); ``centre + scale * score`` is a latency in units of the
            device's median.
        projection: of pooled node states to the block ``embedding``.
    """

    encoder: Encoder
    weights: Weights
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    projection: NDArray[np.float32]

    def __call__(self, operations: Any) -> dict[str, Any]:
        """Outputs of ``features.onnx`` by name."""
        space = self.encoder.physical.space
        labels = len(space.node_labels)
        raw, live = (
            node_labels(cell, space.positions, labels)
            for cell in (operations, space.live(operations))
        )
        scores, states = run(self.weights, raw, live, self.encoder.joint(operations))
        relative = np.maximum(scores * self.scale + self.centre, SOURCE_FLOOR)
        blocks = self.encoder.blocks(operations) | {"embedding": states @ self.projection}
        named = {f"block_{name}": values for name, values in blocks.items()}
        return {"costs": self.encoder.costs(operations), "sources": relative, **named}


def principal(states: Floats) -> NDArray[np.float32]:
    """Projection on the leading principal directions, each of unit variance."""
    centred = states - states.mean(axis=0)
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    kept = right[:EMBEDDING].T / (singular[:EMBEDDING] / np.sqrt(len(states)))
    return np.ascontiguousarray(kept, dtype=np.float32)
