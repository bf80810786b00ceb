"""A look-up table of layers, fitted on the target's samples alone.

As in ProxylessNAS (Cai et al., ICLR 2019) latency is the sum of one entry per position and
operation; here the entries come from whole networks, by ridge regression on milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latkit.evaluation.method import Adapter, Files, Floats, Samples, Sources, without_interval
from latkit.evaluation.methods.calibration import positive
from latkit.evaluation.methods.ridge import Ridge, fit_ridge
from latkit.features.positions import onehot
from latkit.latencies import Latencies
from latkit.spaces.base import Indices, Space


@dataclass(frozen=True, slots=True)
class Layerwise:
    """Sums look-up values of layers."""

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Nothing: it learns from samples alone."""
        return {}

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Fits the table of a target."""

        def adapter(samples: Samples, rng: np.random.Generator) -> Lookup:
            # Rounding follows the unit, and the choice of a strength must not.
            unit = float(np.median(samples.latency_ms))
            features = layers(sources.space, samples.operations)
            table = fit_ridge(features, samples.latency_ms / unit)
            return Lookup(sources.space, table, samples.latency_ms, unit)

        return adapter


@dataclass(frozen=True, slots=True)
class Lookup:
    """Look-up values in units of the samples' median."""

    space: Space
    table: Ridge
    samples_ms: Floats
    unit: float

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms; of intervals it knows nothing."""
        sums = self.unit * self.table(layers(self.space, operations))
        return without_interval(positive(sums, self.samples_ms))


def layers(space: Space, operations: Indices) -> Floats:
    """One-hot encoding of operations by position, shape (n, positions * operations)."""
    return np.asarray(onehot(operations, len(space.operations), space.positions), dtype=float)
