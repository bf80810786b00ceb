"""What a sampler is: it chooses which of many architectures are worth measuring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from latkit.errors import UnknownNameError, UsageError
from latkit.measurement import Arch
from latkit.spaces.base import Indices, Space

if TYPE_CHECKING:
    from latkit.predictor.bundle import Bundle

Rows = NDArray[np.int64]
POOL = 4000
"""A space with more architectures than this is represented by so many of them, at random."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What there is to choose from.

    Args:
        space: of the architectures.
        candidates: their operation indices, shape (m, positions).
        measured: rows of ``candidates`` that are measured already, and may not be chosen.
        bundle: whose features and prior a sampler may look at; by default the shipped one.
    """

    space: Space
    candidates: Indices
    measured: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    bundle: Bundle | None = None

    @property
    def open(self) -> Rows:
        """Rows that may be chosen."""
        return np.setdiff1d(np.arange(len(self.candidates)), self.measured)


class Sampler(Protocol):
    """Chooses ``n`` open rows; of equal arguments and generators the same ones."""

    def __call__(self, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
        """Rows of ``choice.candidates``, shape (n,), all different."""
        ...


_FACTORIES: dict[str, Callable[[], Sampler]] = {}


def register(name: str, factory: Callable[[], Sampler]) -> None:
    """Make a sampler known by name; the factory imports what it needs when it is called."""
    _FACTORIES[name] = factory


def names() -> list[str]:
    """Names of all known samplers."""
    return sorted(_FACTORIES)


def get(name: str) -> Sampler:
    """The sampler of that name; raises UnknownNameError with the nearest known one."""
    if name not in _FACTORIES:
        raise UnknownNameError("sampler", name, _FACTORIES)
    return _FACTORIES[name]()


def choose(name: str, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
    """Let a sampler choose ``n`` rows; raises UsageError where fewer are open."""
    available = len(choice.open)
    if not 0 <= n <= available:
        raise UsageError(f"{n} of {available} architectures of {choice.space.name} cannot be drawn")
    return get(name)(choice, n, rng)


def sample(
    name: str, space: Space, n: int, rng: np.random.Generator, measured: Iterable[Arch] = ()
) -> list[Arch]:
    """Choose ``n`` architectures of a space that are not ``measured`` yet.

    Small spaces are chosen from as a whole, large ones from a random pool.
    """
    known = list(dict.fromkeys(measured))
    pool = _pool(space, max(POOL, 2 * n), rng)
    seen = {row.tobytes() for row in pool}
    extra = [row for row in space.matrix(known) if row.tobytes() not in seen]
    candidates = np.concatenate([pool, np.array(extra).reshape(-1, space.positions)])
    rows = {row.tobytes(): number for number, row in enumerate(candidates)}
    taken = np.array([rows[row.tobytes()] for row in space.matrix(known)], dtype=np.int64)
    chosen = choose(name, Choice(space, candidates, taken), n, rng)
    return [space.from_indices(candidates[row]) for row in chosen]


def _pool(space: Space, size: int, rng: np.random.Generator) -> Any:
    return space.matrix(space.sample(rng, min(space.size, size)))
