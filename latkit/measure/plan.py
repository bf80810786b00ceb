"""What is measured in which order.

A machine's speed drifts by more than networks differ, over minutes. Therefore subjects are
timed in rounds: every one of a batch once, in random order, then every one again, and up to twice
more where the two disagree or were disturbed. A canary network is timed between them, whose drift
is everybody's drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from latkit.spaces.base import Space
from latkit.subjects import Subject

BATCH = 40
"""So many models lie on the device at a time."""
ROUNDS = 2
MAX_ROUNDS = 4
CANARY_EVERY = 5
_CANARY_CANDIDATES = 15


@dataclass(frozen=True, slots=True)
class Plan:
    """Subjects to measure, in batches, and the canary that watches over them.

    With ``again`` also those are measured that the dataset has.
    """

    subjects: tuple[Subject, ...]
    canary: Subject
    seed: int = 0
    again: bool = False


def batches(subjects: Sequence[Subject]) -> Iterator[Sequence[Subject]]:
    """Portions of which one is finished before the next is begun."""
    for start in range(0, len(subjects), BATCH):
        yield subjects[start : start + BATCH]


def shuffled(subjects: Sequence[Subject], rng: np.random.Generator) -> list[Subject]:
    """A random order, another one at every call."""
    return [subjects[i] for i in rng.permutation(len(subjects))]


def canary(space: Space) -> Subject:
    """A network of middling size, always the same for a space."""
    candidates = space.sample(np.random.default_rng(0), _CANARY_CANDIDATES)
    ordered = sorted(candidates, key=lambda arch: space.network(arch).flops)
    return ordered[len(ordered) // 2]
