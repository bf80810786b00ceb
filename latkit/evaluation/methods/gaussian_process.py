"""A Gaussian process on operations and costs, fitted on the target's samples alone.

The plain one of a textbook (Rasmussen & Williams, 2006, chapter 5): a linear and a smooth kernel
over standardised features, their variances and the smooth one's length chosen by evidence.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from latkit.errors import MissingDependency
from latkit.evaluation.method import Adapter, Files, Floats, Samples, Sources
from latkit.evaluation.methods.boosting import features
from latkit.features.physical import known_costs
from latkit.latencies import Latencies
from latkit.predictor.posterior import Z_LEVEL
from latkit.spaces.base import Indices, Space

LENGTHS = (0.05, 50.0)
NOISE = (1e-6, 1.0)
CONSTANT = 1e-9


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """Fits log-latency."""

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Nothing: it learns from samples alone."""
        return {}

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Ready to fit every target; raises MissingDependency without sklearn."""
        try:
            import sklearn.gaussian_process  # noqa: F401
        except ImportError:
            raise MissingDependency("scikit-learn", "evaluate", "the method gp") from None
        known_costs(sources.space)  # so that adapting is not what waits for it

        def adapter(samples: Samples, rng: np.random.Generator) -> Fitted:
            return _fit(sources.space, samples)

        return adapter


@dataclass(frozen=True, slots=True)
class Fitted:
    """A process of standardised log-latency over standardised features."""

    space: Space
    process: Any
    varying: list[int]
    centre: Floats
    scale: Floats
    mean: float
    deviation: float

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms with 90 % intervals."""
        given = self.standardised(features(self.space, operations))
        centre, deviation = self.process.predict(given, return_std=True)
        logs = [centre + side * deviation * Z_LEVEL for side in (0, -1, 1)]
        return Latencies(*(np.exp(log * self.deviation + self.mean) for log in logs))

    def standardised(self, values: Floats) -> Floats:
        """Features that vary among the samples, shape (n, d), of a squared length about 1."""
        found = (values[:, self.varying] - self.centre) / self.scale
        return np.asarray(found / np.sqrt(max(len(self.varying), 1)))


def _fit(space: Space, samples: Samples) -> Fitted:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    values, logs = features(space, samples.operations), np.log(samples.latency_ms)
    varying = np.flatnonzero(values.std(axis=0) > CONSTANT).tolist()
    kernel = ConstantKernel() * DotProduct(1.0, "fixed") + ConstantKernel() * RBF(1.0, LENGTHS)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.01, NOISE))
    kept = values[:, varying]
    deviation = float(logs.std()) or 1.0
    found = Fitted(
        space, process, varying, kept.mean(axis=0), kept.std(axis=0), float(logs.mean()), deviation
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the best value lies at the end of a range
        process.fit(found.standardised(values), ((logs - found.mean) / deviation).round(9))
    return found
