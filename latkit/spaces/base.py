"""The contract of an architecture space.

A space is a fixed number of *positions*, each holding one of a fixed list of *operations*.
An architecture is therefore also a vector of operation indices, the form in which predictors
see it; its official string is the form in which people and files see it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from latkit.errors import ArchError
from latkit.network import Network
from latkit.spaces.skeleton import read_skeleton, skeleton_id
from latkit.subjects import ModelFile, Models, Recipe, Subject

Indices = NDArray[np.int64]
Own = TypeVar("Own", bound="Space")


@dataclass(frozen=True, slots=True)
class Graph:
    """An architecture as a directed acyclic graph whose nodes are its operations.

    ``adjacency[i, j] == 1`` where data flow from node i to node j (i < j, so the matrix is
    strictly upper triangular); ``operations[i]`` is the index of node i's label in the space's
    ``node_labels``. The first node is the input, the last one the output.
    """

    adjacency: NDArray[np.int8]
    operations: Indices


class Space(ABC):
    """What an architecture is, here.

    A space is a collection (``latkit.subjects``) that can also be drawn from, walked through and
    written as vectors. With another macro skeleton its networks are others, so that it is another
    collection: ``NB201(channels=8).name`` is ``nb201:c8``.

    Attributes:
        family: the space's name on the command line and in arch files, whatever the skeleton.
        letters: for every option of the macro skeleton, what stands for it in the name.
        skeleton: the options of the macro skeleton.
        operations: names of the operations a position may hold; their order defines indices.
        idle: names of the operations that compute nothing.
        positions: number of searchable positions.
        node_labels: labels that graph nodes may carry: ``input``, the operations, ``output``.
    """

    family: ClassVar[str]
    letters: ClassVar[Mapping[str, str]] = {}
    operations: ClassVar[tuple[str, ...]]
    idle: ClassVar[tuple[str, ...]] = ()
    positions: ClassVar[int]
    node_labels: ClassVar[tuple[str, ...]]

    def __init__(self, **skeleton: int) -> None:
        self.skeleton = self.options(skeleton)

    @classmethod
    def options(cls, given: Mapping[str, int]) -> dict[str, int]:
        """The options of a macro skeleton, the usual ones where none is given.

        Raises UnknownNameError or UsageError for an option that is none, or a value that cannot be.
        """
        return read_skeleton(cls.family, {}, given)

    @cached_property
    def name(self) -> str:
        """The collection's: the family's name, and what is unusual in its skeleton."""
        unusual = skeleton_id(self.letters, self.options, self.skeleton)
        return f"{self.family}:{unusual}" if unusual else self.family

    def with_skeleton(self: Own, **skeleton: int) -> Own:
        """The space whose networks have that macro skeleton."""
        return type(self)(**skeleton)

    @abstractmethod
    def parse(self, text: str) -> Subject:
        """Read an official string; raises ArchError naming the bad token and its position."""

    @abstractmethod
    def indices(self, arch: Subject) -> Indices:
        """Operation index at every position, shape (positions,)."""

    @abstractmethod
    def from_indices(self, indices: Sequence[int] | Indices) -> Subject:
        """Inverse of ``indices``; raises ArchError where an index is out of range."""

    @abstractmethod
    def canonical(self, arch: Subject) -> Subject:
        """The representative of all architectures that compute the same function."""

    @abstractmethod
    def live(self, indices: Any) -> Any:
        """Operation indices after removing operations that cannot reach from input to output.

        Written with comparisons and ``&``/``|`` only, so that it takes a NumPy array or a
        torch tensor of shape (n, positions) and can be traced into an exported graph.
        """

    def degenerate(self, indices: Indices) -> NDArray[np.bool_]:
        """Which of n architectures compute nothing that anybody would deploy, shape (n,).

        What they make of an image does not depend on it, or they pass it on as it is.
        """
        idle = [self.operations.index(name) for name in self.idle]
        return np.asarray(np.isin(self.live(indices), idle).all(axis=1))

    @abstractmethod
    def fed(self, indices: Any) -> Any:
        """Operation indices after removing operations into which only constants flow.

        That is what a runtime which folds constants, but computes results that nobody uses,
        still runs. Written like ``live``, whose result is a part of this one's.
        """

    @abstractmethod
    def used(self, indices: Any) -> Any:
        """Operation indices after removing operations whose result nobody uses.

        That is what a runtime which computes no more than it must, but folds no constants, still
        runs. Written like ``live``, which is what is both used and fed.
        """

    @abstractmethod
    def adjacency(self, indices: Any) -> Any:
        """Where data flow from node to node (see ``Graph``), Booleans of shape (n, V, V).

        Shape (1, V, V) where all architectures have the same edges. Written like ``live``.
        """

    @abstractmethod
    def network(self, subject: Subject) -> Network:
        """All layers of the whole network."""

    def model(self, subject: Subject, recipe: Recipe, models: Models) -> ModelFile:
        """The network's file, made by ``models``."""
        return models.get(self.network(subject), recipe)

    @property
    def nodes(self) -> tuple[int, ...]:
        """Positions whose operations are the graph's inner nodes, in their order.

        All of them, unless a position decides nothing but edges.
        """
        return tuple(range(self.positions))

    def labels(self, indices: Any) -> Any:
        """Labels of all nodes, input and output included, shape (n, V); traceable."""
        count = len(self.nodes) + 2
        inner = np.zeros((self.positions, count), dtype=np.int64)
        inner[list(self.nodes), range(1, count - 1)] = 1
        ends = np.ones(count, dtype=np.int64)
        ends[0], ends[-1] = 0, len(self.node_labels) - 1
        return indices @ inner + ends

    def encode(self, subject: Subject) -> Graph:
        """The graph that a graph neural network reads."""
        row = self.indices(subject)[None]
        return Graph(self.adjacency(row)[0].astype(np.int8), self.labels(row)[0])

    @property
    def edges_vary(self) -> bool:
        """Whether architectures differ in their edges."""
        return len(self.adjacency(np.zeros((2, self.positions), dtype=np.int64))) > 1

    @property
    def size(self) -> int:
        """Number of architectures in the space."""
        return int(len(self.operations) ** self.positions)

    def sample(self, rng: np.random.Generator, n: int) -> list[Subject]:
        """Draw n distinct architectures, uniformly; a longer draw from the same seed extends it."""
        if n > self.size:
            raise ArchError(f"{self.name} has {self.size} architectures, {n} were asked for")
        drawn: dict[tuple[int, ...], None] = {}
        while len(drawn) < n:
            row = rng.integers(len(self.operations), size=self.positions)
            drawn.setdefault(tuple(int(i) for i in row))
        return [self.from_indices(row) for row in drawn]

    def neighbours(self, arch: Subject) -> list[Subject]:
        """All architectures that differ from ``arch`` in exactly one position."""
        own = self.indices(arch)
        found = []
        for position in range(self.positions):
            for operation in range(len(self.operations)):
                if operation != own[position]:
                    changed = own.copy()
                    changed[position] = operation
                    found.append(self.from_indices(changed))
        return found

    def matrix(self, archs: Iterable[Subject]) -> Indices:
        """Indices of many architectures, shape (n, positions)."""
        rows = [self.indices(arch) for arch in archs]
        return np.stack(rows) if rows else np.empty((0, self.positions), dtype=np.int64)
