"""The toy task as the evaluation sees it, and methods that answer at once."""

import numpy as np

from latkit.evaluation.method import without_interval
from latkit.evaluation.tasks import Task
from latkit.evaluation.trial import TaskData
from latkit.latencies import Latencies
from tests.unit.toy_task import ROWS, SPACE, latencies, toy_sources

TASK = Task("toy", "nb201", ("twin", "slow", "odd"), ("target", "twin2"))


def toy_data(task=TASK, unknown=()):
    """Two targets, of which one repeats a source; rows in ``unknown`` lack the first."""
    sources = toy_sources()
    targets = np.stack([latencies("target"), latencies("twin", seed=1)], axis=1)
    targets[list(unknown), 0] = np.nan
    return TaskData(task, SPACE, ROWS, np.hstack([sources.latency_ms, targets]))


class Twin:
    """Answers what the source ``twin`` measured, with an interval of a tenth."""

    def pretrain(self, sources, seed):
        return {"seed.txt": str(seed).encode()}

    def load(self, sources, files):
        rows = (row.tobytes() for row in sources.operations)
        known = dict(zip(rows, sources.latency_ms[:, 0], strict=True))

        class Predictor:
            def predict(self, operations):
                mean = np.array([known[row.tobytes()] for row in operations])
                return Latencies(mean, 0.9 * mean, 1.1 * mean)

        return lambda samples, rng: Predictor()


class Constant:
    """Answers the samples' median, and knows no interval."""

    def pretrain(self, sources, seed):
        return {}

    def load(self, sources, files):
        class Predictor:
            def __init__(self, samples):
                self.median_ms = np.median(samples.latency_ms)

            def predict(self, operations):
                return without_interval(np.full(len(operations), self.median_ms))

        return lambda samples, rng: Predictor(samples)
