"""Gradient-boosted trees on operations and costs, fitted on the target's samples alone.

As nn-Meter (Zhang et al., MobiSys 2021) and the surrogates of NAS-Bench-301 have it, for whole
networks and few samples: shallow trees, small steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latkit.errors import MissingDependency
from latkit.evaluation.method import Adapter, Files, Floats, Samples, Sources, without_interval
from latkit.evaluation.methods.layerwise import layers
from latkit.features.physical import known_costs
from latkit.latencies import Latencies
from latkit.spaces.base import Indices, Space

SETTINGS = {"n_estimators": 300, "learning_rate": 0.05, "max_depth": 3, "subsample": 0.8}


@dataclass(frozen=True, slots=True)
class Boosting:
    """Boosts trees on log-latency."""

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Nothing: it learns from samples alone."""
        return {}

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Ready to grow trees for every target; raises MissingDependency without sklearn."""
        try:
            import sklearn.ensemble  # noqa: F401
        except ImportError:
            raise MissingDependency("scikit-learn", "evaluate", "the method boosting") from None
        known_costs(sources.space)  # so that adapting is not what waits for it

        def adapter(samples: Samples, rng: np.random.Generator) -> Boosted:
            return _boost(sources.space, samples, rng)

        return adapter


@dataclass(frozen=True, slots=True)
class Boosted:
    """Trees of log-latency, in units of the samples' median."""

    space: Space
    trees: Any
    unit: float

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms; of intervals it knows nothing."""
        logs = self.trees.predict(features(self.space, operations))
        return without_interval(self.unit * np.exp(logs))


def _boost(space: Space, samples: Samples, rng: np.random.Generator) -> Boosted:
    from sklearn.ensemble import GradientBoostingRegressor

    unit = float(np.median(samples.latency_ms))
    trees = GradientBoostingRegressor(**SETTINGS, random_state=int(rng.integers(2**31)))
    # Of equal splits rounding would choose, and rounding follows the unit.
    logs = np.log(samples.latency_ms / unit).round(9)
    trees.fit(features(space, samples.operations), logs)
    return Boosted(space, trees, unit)


def features(space: Space, operations: Indices) -> Floats:
    """One-hot encodings and costs, shape (n, d)."""
    costs = known_costs(space).totals(operations)
    return np.hstack([layers(space, operations), costs])
