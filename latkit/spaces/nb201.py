"""NAS-Bench-201 (NATS-Bench's topology space): 15,625 cells in a small residual skeleton.

Dong & Yang, "NAS-Bench-201", ICLR 2020, section 2; the skeleton is the authors' TinyNetwork.
A cell has four nodes; node 0 is its input, node 3 its output, and each of the six edges i -> j
(i < j) carries one operation. A node is the sum of what flows into it; a node into which
nothing flows holds zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from latkit.errors import ArchError, UsageError
from latkit.network import Network
from latkit.spaces import notation
from latkit.spaces.base import Indices, Space
from latkit.spaces.builder import NetworkBuilder
from latkit.spaces.nb201_text import (
    EDGES,
    FORM,
    NODES,
    OPERATIONS,
    official_order,
    read_cell,
    read_words,
)
from latkit.spaces.skeleton import read_skeleton
from latkit.subjects import Subject

SKELETON = {"channels": 16, "cells": 5, "resolution": 32, "classes": 10}
LETTERS = {"channels": "c", "cells": "n", "resolution": "r", "classes": "k"}
STAGES = 3

# Positions of the edges on the (at most two) paths 0 -> 3 through each edge, padded by repeating.
# The four paths are 0-3 (3,), 0-1-3 (0, 4), 0-2-3 (1, 5) and 0-1-2-3 (0, 2, 5).
_FIRST_PATH = ((0, 4, 4), (1, 5, 5), (0, 2, 5), (3, 3, 3), (0, 4, 4), (1, 5, 5))
_SECOND_PATH = ((0, 2, 5), (1, 5, 5), (0, 2, 5), (3, 3, 3), (0, 4, 4), (0, 2, 5))
# The same for the paths from node 0 through each edge, wherever they lead to.
_FIRST_WAY = ((0, 0, 0), (1, 1, 1), (0, 2, 2), (3, 3, 3), (0, 4, 4), (1, 5, 5))
_SECOND_WAY = ((0, 0, 0), (1, 1, 1), (0, 2, 2), (3, 3, 3), (0, 4, 4), (0, 2, 5))
# The same for the paths through each edge to node 3, wherever they come from.
_FIRST_USE = ((0, 4, 4), (1, 5, 5), (2, 5, 5), (3, 3, 3), (4, 4, 4), (5, 5, 5))
_SECOND_USE = ((0, 2, 5), (1, 5, 5), (2, 5, 5), (3, 3, 3), (4, 4, 4), (5, 5, 5))


class NB201(Space):
    """Cells of six edges; positions are the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3."""

    family: ClassVar[str] = "nb201"
    letters: ClassVar[Mapping[str, str]] = LETTERS
    operations: ClassVar[tuple[str, ...]] = OPERATIONS
    idle: ClassVar[tuple[str, ...]] = ("none", "skip_connect")
    positions: ClassVar[int] = len(EDGES)
    node_labels: ClassVar[tuple[str, ...]] = ("input", *OPERATIONS, "output")

    def parse(self, text: str) -> Subject:
        """Read ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``, or another of the authors' notations.

        These are the index in NATS-Bench, and lists or tuples: six operations (or their indices) in
        the order of the official string, or ``((op, 0),), ((op, 0), (op, 1)), ...`` per node.
        Raises ArchError naming the bad token, its node and its character (counted from 1).
        """
        if (index := notation.number(text)) is not None:
            return self.at(index)
        words = notation.words(text)
        return self.from_indices(read_words(words) if words else read_cell(text.strip()))

    def at(self, index: int) -> Subject:
        """The cell that NATS-Bench (and NAS-Bench-201) gives this index; ArchError for no index."""
        if not 0 <= index < self.size:
            raise ArchError(f"nb201: index {index} is not 0 to {self.size - 1:,}")
        place = official_order()[index]
        row = np.unravel_index(place, (len(OPERATIONS),) * self.positions)
        return self.from_indices([int(index) for index in row])

    def indices(self, arch: Subject) -> Indices:
        return np.array(read_cell(arch.key), dtype=np.int64)

    def from_indices(self, indices: Sequence[int] | Indices) -> Subject:
        if len(indices) != self.positions:
            message = f"nb201 has {self.positions} positions, {len(indices)} were given"
            raise ArchError(message)
        row = [int(index) for index in indices]
        for position, index in enumerate(row):
            if not 0 <= index < len(OPERATIONS):
                message = f"operation index {index} at position {position} is not 0 to 4"
                raise ArchError(f"nb201: {message}")
        return Subject(self.name, FORM.format(*(OPERATIONS[index] for index in row)))

    def canonical(self, arch: Subject) -> Subject:
        """The cell with every operation that is on no path from input to output made ``none``.

        Such an operation contributes nothing, or, behind a node that holds zeros, a constant
        (the shift of its batch normalisation).
        """
        return self.from_indices(self.live(self.indices(arch)[None])[0])

    def live(self, indices: Any) -> Any:
        present = indices > 0
        return indices * (_all_present(present, _FIRST_PATH) | _all_present(present, _SECOND_PATH))

    def fed(self, indices: Any) -> Any:
        present = indices > 0
        return indices * (_all_present(present, _FIRST_WAY) | _all_present(present, _SECOND_WAY))

    def used(self, indices: Any) -> Any:
        present = indices > 0
        return indices * (_all_present(present, _FIRST_USE) | _all_present(present, _SECOND_USE))

    def enumerate(self) -> Iterator[Subject]:
        """All 15,625 cells, in the order of ``enumerate_indices``."""
        return (self.from_indices(row) for row in self.enumerate_indices())

    def enumerate_indices(self) -> Indices:
        """All cells, shape (15625, 6), lexicographic, the first position slowest."""
        return np.indices((len(OPERATIONS),) * self.positions).reshape(self.positions, -1).T

    def adjacency(self, indices: Any) -> Any:
        """Operations as nodes: input, the six edges in order, output.

        The structure is the same for all cells, dead operations included; ``none`` is a label.
        """
        nodes = [(-1, 0), *EDGES, (NODES - 1, NODES)]
        return np.array([[[ends == starts for starts, _ in nodes] for _, ends in nodes]])

    def network(self, subject: Subject) -> Network:
        """All layers, dead operations included, as eager runtimes execute them.

        The pruned network is ``network(canonical(arch))``. Layers of an edge are named
        ``stage1.cell0.op01...`` after its nodes.
        """
        options = self.skeleton
        side = options["resolution"]
        builder = NetworkBuilder(f"{self.family}:{subject.key}", (3, side, side))
        operations = [OPERATIONS[index] for index in self.indices(subject)]
        x = builder.conv("stem.conv", builder.input, options["channels"], 3)
        x = builder.batch_norm("stem.bn", x)
        for stage in range(STAGES):
            if stage:
                x = _reduce(builder, f"reduce{stage}", x)
            for cell in range(options["cells"]):
                x = _cell(builder, f"stage{stage}.cell{cell}", x, operations)
        x = builder.relu("head.relu", builder.batch_norm("head.bn", x))
        builder.classifier(x, options["classes"])
        return builder.network()

    @classmethod
    def options(cls, given: Mapping[str, int]) -> dict[str, int]:
        """Of the skeleton: channels, cells (per stage), resolution (a multiple of 4), classes."""
        found = read_skeleton(cls.family, SKELETON, given)
        if found["resolution"] % 2 ** (STAGES - 1):
            raise UsageError(
                f"nb201 skeleton: resolution must be a multiple of 4, not {found['resolution']}"
            )
        return found


def _all_present(present: Any, paths: tuple[tuple[int, int, int], ...]) -> Any:
    first, second, third = ([path[step] for path in paths] for step in range(3))
    return present[:, first] & present[:, second] & present[:, third]


def _cell(builder: NetworkBuilder, prefix: str, x: str, operations: list[str]) -> str:
    shape = builder.shape(x)
    edges = {e: name for e, name in zip(EDGES, operations, strict=True) if name != "none"}
    read = {source for source, _ in edges} | {NODES - 1}
    nodes = {0: x}
    for node in range(1, NODES):
        flows = [
            _operation(builder, f"{prefix}.op{source}{target}", nodes[source], name)
            for (source, target), name in edges.items()
            if target == node
        ]
        if flows:
            nodes[node] = builder.add(f"{prefix}.node{node}", *flows)
        elif node in read:
            nodes[node] = builder.zero(f"{prefix}.node{node}", shape)
    return nodes[NODES - 1]


def _operation(builder: NetworkBuilder, name: str, x: str, operation: str) -> str:
    if operation == "skip_connect":
        return x
    if operation == "avg_pool_3x3":
        return builder.avg_pool(f"{name}.pool", x, 3, padding=1)
    kernel = 1 if operation == "nor_conv_1x1" else 3
    return _relu_conv_bn(builder, name, x, builder.shape(x)[0], kernel)


def _relu_conv_bn(
    builder: NetworkBuilder, name: str, x: str, channels: int, kernel: int, stride: int = 1
) -> str:
    x = builder.relu(f"{name}.relu", x)
    x = builder.conv(f"{name}.conv", x, channels, kernel, stride=stride)
    return builder.batch_norm(f"{name}.bn", x)


def _reduce(builder: NetworkBuilder, name: str, x: str) -> str:
    channels = 2 * builder.shape(x)[0]
    main = _relu_conv_bn(builder, f"{name}.a", x, channels, 3, stride=2)
    main = _relu_conv_bn(builder, f"{name}.b", main, channels, 3)
    side = builder.avg_pool(f"{name}.shortcut.pool", x, 2, stride=2)
    side = builder.conv(f"{name}.shortcut.conv", side, channels, 1)
    return builder.add(f"{name}.add", side, main)
