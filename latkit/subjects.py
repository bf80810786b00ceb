"""What is measured and predicted: subjects, and the collections that they come from.

Measuring knows no more of a subject than this: a file that can be run. So an architecture of a
space and any other network are the same to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from latkit.condition import Precision
    from latkit.network import Network


@dataclass(frozen=True, slots=True)
class Subject:
    """One network: the name of its collection, and its key there.

    The key of a space's architecture is its canonical string.
    """

    collection: str
    key: str

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class Recipe:
    """The file that is wanted of a network: its format, images per inference, and precision."""

    format: str
    batch: int = 1
    precision: Precision = "fp32"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk; ``sha256`` is that of its content, hex."""

    path: Path
    sha256: str
    format: str


class Models(Protocol):
    """Makes model files of networks."""

    def get(self, network: Network, recipe: Recipe) -> ModelFile:
        """The network's file; raises UsageError where there can be none of that recipe."""
        ...


class Collection(Protocol):
    """Subjects of one kind.

    ``name`` tells it from all other collections. Of two subjects of equal collection and key, the
    networks are equal.
    """

    @property
    def name(self) -> str:
        """As ``Subject.collection`` has it."""
        ...

    def parse(self, text: str) -> Subject:
        """The subject that a person's text names; raises ArchError saying what is wrong with it."""
        ...

    def network(self, subject: Subject) -> Network | None:
        """Its layers; None where they are not known: it can be timed, not explained."""
        ...

    def model(self, subject: Subject, recipe: Recipe, models: Models) -> ModelFile:
        """Its file; ``models`` makes one where the collection has none."""
        ...
