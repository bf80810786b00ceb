"""Evaluating methods on transfer tasks of the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np

from latkit import spaces
from latkit.errors import MeasurementsUnusable, MissingDependency, UsageError
from latkit.evaluation.archive import Archive
from latkit.evaluation.engine import Progress, Suite
from latkit.evaluation.engine import evaluate as run
from latkit.evaluation.methods import METHODS
from latkit.evaluation.tasks import PUBLISHED, Task
from latkit.evaluation.trial import Outcome, TaskData
from latkit.lab.tasks import find_task
from latkit.lab.workspace import Workspace
from latkit.sampling import SAMPLERS
from latkit.store import LatencyTable


@dataclass(frozen=True, slots=True)
class Missing:
    """Devices that the dataset lacks: the task was run without them, or not at all."""

    task: str
    devices: tuple[str, ...]
    skipped: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was tried, and what came of it."""

    suite: Suite
    outcomes: list[Outcome]
    missing: list[Missing]


def evaluate(
    lab: Workspace,
    tasks: Sequence[str] = (),
    *,
    method_names: Sequence[str] = ("bayes",),
    samplers: Sequence[str] = ("random",),
    counts: Sequence[int] = (20,),
    seeds: int = 5,
    jobs: int = 1,
    dask: str | None = None,
    progress: Progress,
) -> Evaluation:
    """Try methods on tasks; trials that were made before on the same latencies are not repeated.

    Args:
        lab: whose dataset has the latencies.
        tasks: names; without any, all published tasks that the dataset allows.
        method_names: names of ``latkit.evaluation.methods.METHODS``.
        samplers: names of ``latkit.sampling.SAMPLERS``.
        counts: how many samples of a target.
        seeds: how many draws of them.
        jobs: processes on this computer.
        dask: address of a Dask scheduler that is to do the work instead.
        progress: is told how it goes.

    Raises:
        UnknownNameError: a task, method or sampler that is none.
        MeasurementsUnusable: a task that was named lacks its devices, or none can be run.
    """
    for name in method_names:
        METHODS.get(name)
    for name in samplers:
        SAMPLERS.get(name)
    wanted = [find_task(lab, name) for name in tasks] or list(PUBLISHED.values())
    data, missing = _load(lab, wanted, skip=not tasks)
    suite = Suite(data, method_names, samplers, sorted(counts), seeds)
    archive = Archive(lab.cache / "evaluation")
    with on_dask(dask) if dask else nullcontext():
        return Evaluation(suite, run(suite, archive, jobs, progress), missing)


def every_method() -> list[str]:
    """Names of all methods."""
    return METHODS.names()


def _load(
    lab: Workspace, tasks: Sequence[Task], skip: bool
) -> tuple[list[TaskData], list[Missing]]:
    with lab.store() as store:
        tables = {name: store.table(name) for name in {task.space for task in tasks}}
    data, missing = [], []
    for task in tasks:
        table = tables[task.space]
        try:
            present, absent = task.within(table.devices)
        except MeasurementsUnusable:
            if not skip:
                raise
            absent = tuple(d for d in (*task.sources, *task.targets) if d not in table.devices)
            missing.append(Missing(task.name, absent, skipped=True))
            continue
        if absent:
            missing.append(Missing(task.name, absent, skipped=False))
        data.append(_data(present, table))
    if not data:
        raise MeasurementsUnusable(
            "the dataset has the devices of none of the published tasks",
            "latkit dataset import TABLE brings published latencies in",
        )
    return data, missing


def _data(task: Task, table: LatencyTable) -> TaskData:
    space = spaces.get(task.space)
    columns = [table.devices.index(device) for device in (*task.sources, *task.targets)]
    latency_ms = np.ascontiguousarray(table.latency_ms[:, columns])
    return TaskData(task, space, space.matrix(table.subjects), latency_ms)


@contextmanager
def on_dask(address: str) -> Iterator[None]:
    """Let joblib work on the cluster of a Dask scheduler; UsageError where there is none."""
    try:
        from distributed import Client
    except ImportError:
        raise MissingDependency("distributed", "dask", "evaluating on a Dask cluster") from None
    from joblib import parallel_config

    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as problem:
        words = str(problem).splitlines()[0]
        raise UsageError(
            f"there is no Dask scheduler at {address}: {words}", "start one with 'dask scheduler'"
        ) from None
    with client, parallel_config(backend="dask"):
        yield
