"""Which of a device's measurements a predictor is adapted to: all, or a few of them.

A table of published latencies lets one try what a few measurements of a device would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latkit import sampling
from latkit.errors import MeasurementsUnusable, UsageError
from latkit.measurement import Measurement
from latkit.plural import counted
from latkit.predictor.bundle import Bundle
from latkit.sampling.base import Choice
from latkit.spaces.base import Space

MOST = 16_000
"""Adapting to so many takes about a minute and a gigabyte."""


@dataclass(frozen=True, slots=True)
class Few:
    """How many measurements to adapt to, and which.

    Args:
        n: how many; None for all, or for as many as can be.
        sampler: a name of ``latkit.sampling.SAMPLERS``.
        seed: of the draw.

    Raises UsageError for more than can be adapted to.
    """

    n: int | None = None
    sampler: str = "random"
    seed: int = 0

    def __post_init__(self) -> None:
        sampling.looks_at_bundle(self.sampler)  # there is one of that name
        if self.n is not None and self.n > MOST:
            raise UsageError(
                f"a predictor is adapted to {MOST:,} measurements at most, not {self.n:,}",
                "without --n, it is adapted to as many as there are",
            )

    def of(
        self, measured: Sequence[Measurement], bundle: Bundle, space: Space
    ) -> tuple[Sequence[Measurement], tuple[str, ...]]:
        """Some of them, as they were stored, and what is to be said of that.

        Raises MeasurementsUnusable where there are fewer than asked for.
        """
        if self.n is None and len(measured) <= MOST:
            return measured, ()
        n = MOST if self.n is None else self.n
        if n > len(measured):
            words = counted(len(measured), "usable measurement")
            raise MeasurementsUnusable(
                f"{n} samples were asked for, there are {words}", "without --n, all of them count"
            )
        operations = space.matrix(one.subject for one in measured)
        choice = Choice(space, operations, bundle=bundle)
        rows = sampling.choose(self.sampler, choice, n, np.random.default_rng(self.seed))
        told = f"adapted to {n} of {counted(len(measured), 'measurement')}, drawn by {self.sampler}"
        return [measured[row] for row in sorted(rows)], (told,)
