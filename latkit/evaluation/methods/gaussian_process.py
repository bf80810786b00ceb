"""A Gaussian process on operations and costs, fitted on the target's samples alone.

The plain one of a textbook (Rasmussen & Williams, 2006, chapter 5): a linear and a smooth kernel
over standardised features, their variances and the smooth one's length chosen by evidence, on 400
of the samples at most: more would take minutes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from latkit.errors import MissingDependency
from latkit.evaluation.method import Adapter, Files, Samples, Sources
from latkit.evaluation.methods.boosting import features
from latkit.features.physical import known_costs
from latkit.latencies import Latencies
from latkit.predictor.posterior import Z_LEVEL
from latkit.spaces.base import Indices, Space

LENGTH, LENGTHS = 8.0, (0.4, 400.0)
"""Features are standardised, some sixty of them."""
NOISE = (1e-6, 1.0)
CONSTANT = 1e-18
TELLING = 400


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
    """A process of log-latency, in units of the samples' median."""

    space: Space
    process: Any
    unit: float

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms with 90 % intervals."""
        given = features(self.space, operations)
        centre, deviation = self.process.predict(given, return_std=True)
        logs = [centre + side * deviation * Z_LEVEL for side in (0, -1, 1)]
        return Latencies(*(self.unit * np.exp(log) for log in logs))


def _fit(space: Space, samples: Samples) -> Fitted:
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def process(kernel: Any, optimizer: str | None) -> Any:
        regressor = GaussianProcessRegressor(kernel, optimizer=optimizer, normalize_y=True)
        return make_pipeline(VarianceThreshold(CONSTANT), StandardScaler(), regressor)

    unit = float(np.median(samples.latency_ms))
    values, logs = features(space, samples.operations), np.log(samples.latency_ms / unit).round(9)
    linear = ConstantKernel(LENGTH**-2) * DotProduct(1.0, "fixed")
    smooth = ConstantKernel() * RBF(LENGTH, LENGTHS)
    chosen = process(linear + smooth + WhiteKernel(0.01, NOISE), "fmin_l_bfgs_b")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the best value lies at the end of a range
        chosen.fit(values[:TELLING], logs[:TELLING])
    fitted = process(chosen[-1].kernel_, None).fit(values, logs)
    return Fitted(space, fitted, unit)
