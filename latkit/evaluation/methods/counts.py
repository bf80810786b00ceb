"""A count of the network, FLOPs or parameters, as a proxy of latency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from latkit.evaluation.method import Adapter, Files, Floats, Samples, Sources, without_interval
from latkit.evaluation.methods.calibration import Curve, fit_curve
from latkit.features.additive import groups_of, tabulate
from latkit.latencies import Latencies
from latkit.spaces.base import Indices, Space

Count = Literal["flops", "params"]


@dataclass(frozen=True, slots=True)
class Counted:
    """Ranks by a count of the network as it is built, dead operations included.

    The samples only say how many milliseconds a count is: ranks need none.
    """

    count: Count

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Nothing: counting needs no source."""
        return {}

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Fits a curve from counts to milliseconds."""
        _table(sources.space, self.count)  # so that adapting is not what waits for it

        def adapter(samples: Samples, rng: np.random.Generator) -> Scaled:
            scores = counts(sources.space, self.count, samples.operations)
            curve = fit_curve(scores, samples.latency_ms)
            return Scaled(lambda rows: counts(sources.space, self.count, rows), curve)

        return adapter


@dataclass(frozen=True, slots=True)
class Scaled:
    """Milliseconds from a positive score."""

    score: Callable[[Indices], Floats]
    curve: Curve

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms; of intervals it knows nothing."""
        return without_interval(self.curve(self.score(operations)))


def counts(space: Space, count: Count, operations: Indices) -> Floats:
    """FLOPs or parameters of whole networks, shape (n,), from indices (n, positions)."""
    hits = groups_of(space).onehot(operations).astype(float)
    return np.asarray(hits @ _table(space, count))


@cache
def _table(space: Space, count: Count) -> Floats:
    """The count by joint one-hot column; the seed only picks where the table is verified."""

    def measure(row: Indices) -> Floats:
        return np.array([float(getattr(space.network(space.from_indices(row)), count))])

    return tabulate(space, measure, np.random.default_rng(0))[:, 0]


FLOPS, PARAMS = Counted("flops"), Counted("params")
