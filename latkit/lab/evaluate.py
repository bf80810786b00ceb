"""Evaluating methods on transfer tasks of the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from latkit import spaces
from latkit.errors import MeasurementsUnusable, MissingDependency, UsageError
from latkit.evaluation.archive import Archive
from latkit.evaluation.engine import BUNDLE_METHOD, Progress, Suite
from latkit.evaluation.engine import evaluate as run
from latkit.evaluation.methods import METHODS
from latkit.evaluation.tasks import PUBLISHED, Task
from latkit.evaluation.trial import Outcome, TaskData
from latkit.lab.tasks import find_task
from latkit.lab.workspace import Workspace
from latkit.predictor.bundle import Bundle
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
    bundle: str | None = None,
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
        bundle: folder of one that 'bayes' starts from, or ``shipped``; by default one is trained
            on the sources of every task.
        seeds: how many draws of them.
        jobs: processes on this computer.
        dask: address of a Dask scheduler that is to do the work instead.
        progress: is told how it goes.

    Raises:
        UnknownNameError: a task, method or sampler that is none.
        UsageError: the bundle knows a target, or is of another space.
        MeasurementsUnusable: a task that was named lacks its devices, or none can be run.
    """
    for name in method_names:
        METHODS.get(name)
    for name in samplers:
        SAMPLERS.get(name)
    wanted = [find_task(lab, name) for name in tasks] or list(PUBLISHED.values())
    data, missing = _load(lab, wanted, skip=not tasks)
    suite = Suite(data, method_names, samplers, sorted(counts), seeds)
    archive = _archive(lab, suite, bundle)
    with on_dask(dask) if dask else nullcontext():
        return Evaluation(suite, run(suite, archive, jobs, progress), missing)


def _archive(lab: Workspace, suite: Suite, bundle: str | None) -> Archive:
    """Where outcomes are kept: those of every bundle that is given apart from all others."""
    folder = lab.cache / "evaluation"
    if bundle is None:
        return Archive(folder)
    if suite.needs_bundle:
        raise UsageError(
            "a sampler that looks at a bundle is shown one of the task's sources alone",
            "leave --bundle out, or draw with --sampler random",
        )
    named = {data.space.name: _bundle(bundle, data.space.name) for data in suite.data}
    for data in suite.data:
        _require_ignorant(named[data.space.name], data.task)
    files = {name: one.files() for name, one in named.items()}
    digest = sha256(b"".join(each for one in files.values() for each in one.values()))
    archive = Archive(folder / f"bundle-{digest.hexdigest()[:16]}")
    for data in suite.data:
        if archive.files(BUNDLE_METHOD, data) is None:
            archive.keep_files(BUNDLE_METHOD, data, files[data.space.name])
    return archive


def _bundle(named: str, space: str) -> Bundle:
    found = Bundle.shipped(space) if named == SHIPPED else Bundle.load(Path(named))
    if found.space != space:
        raise UsageError(f"the bundle is of {found.space}, and a task of {space}", _WITHOUT)
    return found


def _require_ignorant(bundle: Bundle, task: Task) -> None:
    """Raises UsageError for a bundle that was trained on what it is to predict."""
    if seen := sorted(set(bundle.manifest["devices"]) & set(task.targets)):
        raise UsageError(
            f"the bundle was trained on {', '.join(seen)}, which {task.name} holds back to test on",
            _WITHOUT,
        )


SHIPPED = "shipped"
_WITHOUT = "leave --bundle out: then one is trained on the sources of every task"


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
            "import published tables; see 'latkit dataset import --help'",
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
