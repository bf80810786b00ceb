"""The source device that is most like the target, as a proxy of it.

As in Lu et al., "One Proxy Device Is Enough for Hardware-Aware Neural Architecture Search"
(SIGMETRICS 2022): where latencies rank alike, one device's stand for another's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latkit.errors import MeasurementsUnusable
from latkit.evaluation.method import Adapter, Files, Floats, Samples, Sources, without_interval
from latkit.evaluation.methods.calibration import Curve, fit_curve
from latkit.evaluation.methods.measured import Measured
from latkit.latencies import Latencies
from latkit.metrics import spearman
from latkit.spaces.base import Indices

MIN_SHARED = 2


@dataclass(frozen=True, slots=True)
class BestSource:
    """Predicts what the most correlated source measured, scaled by the samples."""

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Nothing: measured latencies are looked up."""
        return {}

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Chooses among the sources."""
        measured = Measured.of(sources)

        def adapter(samples: Samples, rng: np.random.Generator) -> Proxies:
            return _ranked(measured, samples)

        return adapter


@dataclass(frozen=True, slots=True)
class Proxies:
    """Sources, best first, each with its curve to the target's milliseconds.

    An architecture that the best one lacks is predicted by the best that has it.
    """

    measured: Measured
    columns: list[int]
    curves: list[Curve]

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms; of intervals it knows nothing."""
        given = self.measured(operations)
        found = np.full(len(operations), np.nan)
        for column, curve in zip(self.columns, self.curves, strict=True):
            found = np.where(np.isnan(found), curve(given[:, column]), found)
        return without_interval(found)


def _ranked(measured: Measured, samples: Samples) -> Proxies:
    given = measured(samples.operations)
    shared = [np.isfinite(column) for column in given.T]
    usable = [column for column, both in enumerate(shared) if both.sum() >= MIN_SHARED]
    if not usable:
        raise MeasurementsUnusable(
            "no source device has measured two of the samples",
            "sample architectures that the source devices have measured",
        )

    def likeness(column: int) -> tuple[float, float]:
        both = shared[column]
        return _likeness(given[both, column], samples.latency_ms[both])

    columns = sorted(usable, key=likeness, reverse=True)
    curves = [fit_curve(given[shared[c], c], samples.latency_ms[shared[c]]) for c in columns]
    return Proxies(measured, columns, curves)


def _likeness(one_ms: Floats, other_ms: Floats) -> tuple[float, float]:
    """Rank correlation, and of equals, as 3 samples often are, the correlation of logarithms."""
    logs = np.log([one_ms, other_ms])
    linear = float(np.corrcoef(logs)[0, 1]) if (np.ptp(logs, axis=1) > 0).all() else 0.0
    return spearman(one_ms, other_ms), round(linear, 12)
