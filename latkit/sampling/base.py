"""What a sampler is: it chooses which of many architectures are worth measuring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from latkit.errors import UsageError
from latkit.spaces.base import Indices, Space

if TYPE_CHECKING:
    from latkit.predictor.bundle import Bundle

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """What there is to choose from.

    Args:
        space: of the architectures.
        candidates: their operation indices, shape (m, positions).
        measured: rows of ``candidates`` that are measured already, and may not be chosen.
        bundle: whose features and prior a sampler may look at. There is no default: the shipped
            one has seen devices that an evaluation holds back.
    """

    space: Space
    candidates: Indices
    measured: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    bundle: Bundle | None = None

    @property
    def open(self) -> Rows:
        """Rows that may be chosen."""
        return np.setdiff1d(np.arange(len(self.candidates)), self.measured)

    def look(self) -> Bundle:
        """The bundle; raises UsageError where none was given."""
        if self.bundle is None:
            raise UsageError(
                f"there is no bundle of {self.space.name} to look at",
                "give the choice one that has not seen what is to be predicted",
            )
        return self.bundle


class Sampler(Protocol):
    """Chooses ``n`` open rows; of equal arguments and generators the same ones."""

    @property
    def looks_at_bundle(self) -> bool:
        """Whether the choice's bundle is looked at; who says no is shown none."""
        ...

    def __call__(self, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
        """Rows of ``choice.candidates``, shape (n,), all different."""
        ...
