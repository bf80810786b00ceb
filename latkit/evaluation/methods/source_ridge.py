"""Ridge regression of the target's log-latency on those that the sources measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latkit.evaluation.method import Adapter, Files, Floats, Samples, Sources, without_interval
from latkit.evaluation.methods.measured import Measured
from latkit.evaluation.methods.ridge import Ridge, fit_ridge
from latkit.latencies import Latencies
from latkit.spaces.base import Indices


@dataclass(frozen=True, slots=True)
class SourceRidge:
    """Weighs the sources' measured latencies."""

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Nothing: measured latencies are looked up."""
        return {}

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Fits the sources' weights for a target."""
        features = Standardised.of(sources)

        def adapter(samples: Samples, rng: np.random.Generator) -> Weighed:
            # Rounding follows the unit, and the choice of a strength must not.
            unit = float(np.median(samples.latency_ms))
            ridge = fit_ridge(features(samples.operations), np.log(samples.latency_ms / unit))
            return Weighed(features, ridge, unit)

        return adapter


@dataclass(frozen=True, slots=True)
class Standardised:
    """Log-latencies of the sources, each with mean 0 and deviation 1."""

    measured: Measured
    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, sources: Sources) -> Standardised:
        """Mean and deviation are over all that a source has measured."""
        logs = np.ma.masked_invalid(np.log(sources.latency_ms))
        mean, deviation = logs.mean(axis=0).filled(0), logs.std(axis=0).filled(0)
        return cls(Measured.of(sources), mean, np.where(deviation > 0, deviation, 1))

    def __call__(self, operations: Indices) -> Floats:
        """Shape (n, devices); where a device lacks an architecture, the mean of those that do."""
        found = (np.log(self.measured(operations)) - self.mean) / self.deviation
        usual = np.nanmean(found, axis=1, keepdims=True)
        return np.where(np.isnan(found), usual, found)


@dataclass(frozen=True, slots=True)
class Weighed:
    """A weighted sum of standardised log-latencies, in units of the samples' median."""

    features: Standardised
    ridge: Ridge
    unit: float

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms; of intervals it knows nothing."""
        return without_interval(self.unit * np.exp(self.ridge(self.features(operations))))
