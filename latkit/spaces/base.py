"""The contract of an architecture space, and the registry of the spaces that are known.

A space is a fixed number of *positions*, each holding one of a fixed list of *operations*.
An architecture is therefore also a vector of operation indices, the form in which predictors
see it; its official string is the form in which people and files see it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from latkit.errors import ArchError, UnknownNameError
from latkit.measurement import Arch
from latkit.network import Network

Indices = NDArray[np.int64]


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

    Attributes:
        name: the space's name on the command line and in arch files.
        operations: names of the operations a position may hold; their order defines indices.
        positions: number of searchable positions.
        node_labels: labels that graph nodes may carry (input and output included).
    """

    name: ClassVar[str]
    operations: ClassVar[tuple[str, ...]]
    positions: ClassVar[int]
    node_labels: ClassVar[tuple[str, ...]]

    @abstractmethod
    def parse(self, text: str) -> Arch:
        """Read an official string; raises ArchError naming the bad token and its position."""

    @abstractmethod
    def indices(self, arch: Arch) -> Indices:
        """Operation index at every position, shape (positions,)."""

    @abstractmethod
    def from_indices(self, indices: Sequence[int] | Indices) -> Arch:
        """Inverse of ``indices``; raises ArchError where an index is out of range."""

    @abstractmethod
    def canonical(self, arch: Arch) -> Arch:
        """The representative of all architectures that compute the same function."""

    @abstractmethod
    def live(self, indices: Any) -> Any:
        """Operation indices after removing operations that cannot reach from input to output.

        Written with comparisons and ``&``/``|`` only, so that it takes a NumPy array or a
        torch tensor of shape (n, positions) and can be traced into an exported graph.
        """

    @abstractmethod
    def fed(self, indices: Any) -> Any:
        """Operation indices after removing operations into which only constants flow.

        That is what a runtime which folds constants, but computes results that nobody uses,
        still runs. Written like ``live``, whose result is a part of this one's.
        """

    @abstractmethod
    def encode(self, arch: Arch) -> Graph:
        """The graph that a graph neural network reads."""

    @abstractmethod
    def network(self, arch: Arch, **skeleton: int) -> Network:
        """All layers of the whole network; ``skeleton`` overrides the default macro skeleton."""

    @abstractmethod
    def skeleton_id(self, **skeleton: int) -> str:
        """Short stable name of a macro skeleton, e.g. ``c16-n5-r32``."""

    @property
    def size(self) -> int:
        """Number of architectures in the space."""
        return int(len(self.operations) ** self.positions)

    def sample(self, rng: np.random.Generator, n: int) -> list[Arch]:
        """Draw n distinct architectures, uniformly; a longer draw from the same seed extends it."""
        if n > self.size:
            raise ArchError(f"{self.name} has {self.size} architectures, {n} were asked for")
        drawn: dict[tuple[int, ...], None] = {}
        while len(drawn) < n:
            row = rng.integers(len(self.operations), size=self.positions)
            drawn.setdefault(tuple(int(i) for i in row))
        return [self.from_indices(row) for row in drawn]

    def neighbours(self, arch: Arch) -> list[Arch]:
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

    def matrix(self, archs: Iterable[Arch]) -> Indices:
        """Indices of many architectures, shape (n, positions)."""
        rows = [self.indices(arch) for arch in archs]
        return np.stack(rows) if rows else np.empty((0, self.positions), dtype=np.int64)


_FACTORIES: dict[str, Callable[[], Space]] = {}
_INSTANCES: dict[str, Space] = {}


def register(factory: Callable[[], Space], name: str) -> None:
    """Make a space known by name; it is constructed at its first use."""
    _FACTORIES[name] = factory


def names() -> list[str]:
    """Names of all known spaces."""
    return sorted(_FACTORIES)


def get(name: str) -> Space:
    """The space of that name; raises UnknownNameError with the nearest known one."""
    if name not in _FACTORIES:
        raise UnknownNameError("space", name, _FACTORIES)
    if name not in _INSTANCES:
        _INSTANCES[name] = _FACTORIES[name]()
    return _INSTANCES[name]


def read_archs(text: str, origin: str) -> list[Arch]:
    """Architectures of an arch file: one JSON object, a list of them, or JSON lines.

    Raises ArchError saying where in ``origin`` the trouble is.
    """
    if not text.strip():
        raise ArchError(f"{origin} is empty", _ARCH_FILE_HINT)
    return [_read_record(record, where) for record, where in _records(text, origin)]


_ARCH_FILE_HINT = 'an arch file looks like {"space": "nb201", "arch": "|nor_conv_3x3~0|+|..."}'


def _records(text: str, origin: str) -> Iterator[tuple[Any, str]]:
    try:
        whole = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as problem:
        if "\n" not in text.strip():
            raise ArchError(f"{origin} is not JSON: {problem}", _ARCH_FILE_HINT) from None
        yield from _json_lines(text, origin)
        return
    if not isinstance(whole, list):
        yield whole, origin
        return
    if not whole:
        raise ArchError(f"{origin} holds an empty list", _ARCH_FILE_HINT)
    for number, record in enumerate(whole, start=1):
        yield record, f"{origin}, entry {number}"


def _json_lines(text: str, origin: str) -> Iterator[tuple[Any, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as problem:
            message = f"{origin}, line {number} is not JSON: {problem}"
            raise ArchError(message, _ARCH_FILE_HINT) from None
        yield record, f"{origin}, line {number}"


def _read_record(record: Any, where: str) -> Arch:
    if not isinstance(record, dict):
        kind = type(record).__name__
        raise ArchError(f"{where}: expected an object, found {kind}", _ARCH_FILE_HINT)
    for key in ("space", "arch"):
        if not isinstance(record.get(key), str):
            raise ArchError(f"{where}: the key {key!r} is missing or not text", _ARCH_FILE_HINT)
    try:
        return get(record["space"]).parse(record["arch"])
    except ArchError as problem:
        raise ArchError(f"{where}: {problem.message}", problem.hint) from None
