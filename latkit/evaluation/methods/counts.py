"""A count of the network, FLOPs or parameters, as a proxy of latency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latkit.evaluation.method import Adapter, Files, Floats, Samples, Sources, without_interval
from latkit.evaluation.methods.calibration import Curve, fit_curve
from latkit.features.counts import Count, counter
from latkit.latencies import Latencies
from latkit.spaces.base import Indices


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
        score = counter(sources.space, self.count)

        def adapter(samples: Samples, rng: np.random.Generator) -> Scaled:
            return Scaled(score, fit_curve(score(samples.operations), samples.latency_ms))

        return adapter


@dataclass(frozen=True, slots=True)
class Scaled:
    """Milliseconds from a positive score."""

    score: Callable[[Indices], Floats]
    curve: Curve

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms; of intervals it knows nothing."""
        return without_interval(self.curve(self.score(operations)))


FLOPS, PARAMS = Counted("flops"), Counted("params")
