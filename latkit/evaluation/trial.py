"""One trial: a method sees a task's sources and n samples of a target, and predicts the rest."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from latkit import sampling
from latkit.errors import MeasurementsUnusable, UsageError
from latkit.evaluation.method import Adapter, Floats, Samples, Sources
from latkit.evaluation.tasks import Task
from latkit.metrics import Scores, score, spearman
from latkit.predictor.bundle import Bundle
from latkit.spaces.base import Indices, Space


@dataclass(frozen=True, slots=True, order=True)
class Trial:
    """What is tried: a cell of the big table."""

    task: str
    method: str
    sampler: str
    device: str
    n: int
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial.

    Args:
        unseen: over the architectures that were not sampled.
        spearman_all: over all architectures, as the papers have it, samples included.
        seconds: that adapting took.
    """

    trial: Trial
    unseen: Scores
    spearman_all: float
    seconds: float


@dataclass(frozen=True, eq=False)
class TaskData:
    """A task and its latencies.

    Args:
        task: its devices are those that the dataset has.
        space: of the architectures.
        operations: their indices, shape (n, positions).
        latency_ms: shape (n, sources + targets), columns in the task's order, NaN where unknown.
    """

    task: Task
    space: Space
    operations: Indices
    latency_ms: Floats

    @cached_property
    def sources(self) -> Sources:
        """All that is known of the source devices."""
        columns = self.latency_ms[:, : len(self.task.sources)]
        return Sources(self.space, self.operations, columns, self.task.sources)

    def rows(self, device: str) -> NDArray[np.int64]:
        """Rows that are sampled and predicted: all that the target has, and any source."""
        known = np.isfinite(self.sources.latency_ms).any(axis=1)
        return np.flatnonzero(known & np.isfinite(self.target(device)))

    def target(self, device: str) -> Floats:
        """Latencies of a target, shape (n,)."""
        column = len(self.task.sources) + self.task.targets.index(device)
        values: Floats = self.latency_ms[:, column]
        return values

    @property
    def sources_digest(self) -> str:
        """Stands for the sources: what a method learned from them is kept under it."""
        return self._digest(self.sources.latency_ms, self.task.sources)

    @property
    def digest(self) -> str:
        """Stands for all data of the task: outcomes are kept under it."""
        return self._digest(self.latency_ms, (*self.task.sources, "", *self.task.targets))

    def _digest(self, latency_ms: Floats, devices: tuple[str, ...]) -> str:
        content = sha256("\n".join((self.space.name, *devices)).encode())
        content.update(np.ascontiguousarray(self.operations).tobytes())
        content.update(np.ascontiguousarray(latency_ms).tobytes())
        return content.hexdigest()[:16]


def draw(data: TaskData, trial: Trial, bundle: Bundle | None) -> NDArray[np.int64]:
    """Rows that the trial's sampler measures: the same for all methods.

    Raises MeasurementsUnusable where there are no architectures left to predict, UsageError where
    the sampler looks at a bundle and is not given that of the task.
    """
    rows = data.rows(trial.device)
    if trial.n >= len(rows):
        raise MeasurementsUnusable(
            f"task {trial.task} has {len(rows)} architectures of {trial.device} that a source "
            f"knows too; {trial.n} samples leave none to predict",
            "ask for fewer samples with --n, or import more measurements",
        )
    if bundle:
        _require_own(bundle, data.task)
    choice = sampling.Choice(data.space, data.operations[rows], bundle=bundle)
    rng = np.random.default_rng([trial.seed, zlib.crc32(f"{trial.task}/{trial.device}".encode())])
    return rows[sampling.choose(trial.sampler, choice, trial.n, rng)]


def _require_own(bundle: Bundle, task: Task) -> None:
    """Raises UsageError for a bundle that was learned from other devices than its sources."""
    devices = tuple(bundle.manifest["devices"])
    if devices != task.sources:
        others = ", ".join(sorted(set(devices) - set(task.sources))) or "too few of its sources"
        raise UsageError(
            f"a sampler is given a bundle that is not of the task {task.name}: it knows {others}",
            "pretrain one on the task's sources alone",
        )


def run(data: TaskData, trial: Trial, adapter: Adapter, bundle: Bundle | None) -> Outcome:
    """Sample, adapt, predict, compare."""
    chosen = draw(data, trial, bundle)
    latency_ms = data.target(trial.device)
    begun = time.perf_counter()
    predictor = adapter(
        Samples(data.operations[chosen], latency_ms[chosen]), np.random.default_rng(trial.seed)
    )
    seconds = time.perf_counter() - begun
    rows = data.rows(trial.device)
    found = predictor.predict(data.operations[rows])
    truth, unseen = latency_ms[rows], ~np.isin(rows, chosen)
    scores = score(found.take(unseen), truth[unseen])
    return Outcome(trial, scores, spearman(found.mean_ms, truth), seconds)


def trials(
    data: TaskData,
    methods: Sequence[str],
    samplers: Sequence[str],
    counts: Sequence[int],
    seeds: int,
) -> Iterator[Trial]:
    """All trials of a task, those of one method and device one after the other."""
    for method in methods:
        for device in data.task.targets:
            for sampler in samplers:
                for seed in range(seeds):
                    for n in counts:
                        yield Trial(data.task.name, method, sampler, device, n, seed)
