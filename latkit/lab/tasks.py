"""Transfer tasks: the published ones, those that leave a family out, and the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latkit import spaces
from latkit.config import data_dir, database_url
from latkit.errors import UnknownNameError, UsageError
from latkit.evaluation import likeness, task_file
from latkit.evaluation.families import FAMILIES
from latkit.evaluation.likeness import TaskReport
from latkit.evaluation.partition import partition, rank_correlations
from latkit.evaluation.tasks import PUBLISHED, Task
from latkit.store import Store

READY = {**PUBLISHED, **FAMILIES}


def all_tasks() -> list[Task]:
    """Published tasks, families, the user's own; raises UsageError where a file is no task."""
    return [*READY.values(), *(task_file.read(path) for path in _own_files())]


def find_task(name: str) -> Task:
    """The task of that name; raises UnknownNameError with the nearest known one."""
    if name in READY:
        return READY[name]
    own = {path.stem: path for path in _own_files()}
    if name not in own:
        raise UnknownNameError("task", name, [*READY, *own], "'latkit tasks list' shows them all")
    return task_file.read(own[name])


def kind(task: Task) -> str:
    """Where a task comes from: ``paper``, ``family`` or ``own``."""
    if task.name in PUBLISHED:
        return "paper"
    return "family" if task.name in FAMILIES else "own"


def path_of(name: str) -> Path:
    """Where the user's own task of that name is kept."""
    return data_dir() / "tasks" / f"{name}.json"


def overview() -> list[dict[str, Any]]:
    """One row per task, with the devices that the dataset lacks."""
    tasks = all_tasks()
    with Store.open(database_url()) as store:
        known = {
            (entry.space, entry.setting.device)
            for entry in store.summary()
            if entry.valid + entry.suspect
        }
    return [
        {
            "task": task.name,
            "kind": kind(task),
            "space": task.space,
            "sources": len(task.sources),
            "targets": len(task.targets),
            "missing": [
                device
                for device in (*task.sources, *task.targets)
                if (task.space, device) not in known
            ],
        }
        for task in tasks
    ]


def describe(name: str) -> TaskReport:
    """A task, what the dataset has of it, and how alike its devices are."""
    task = find_task(name)
    with Store.open(database_url()) as store:
        return likeness.report(task, store.table(task.space))


def make(
    name: str,
    space: str,
    *,
    sources: int,
    targets: int,
    devices: Sequence[str] = (),
    seed: int = 0,
) -> tuple[TaskReport, tuple[str, ...]]:
    """Split devices of the dataset into a task that is as hard as can be, and keep it.

    Args:
        name: of the task; must be new.
        space: whose latencies count.
        sources: how many devices to learn from.
        targets: how many devices to adapt to.
        devices: to choose from; without any, all of the dataset but those that have too few
            architectures in common with the others.
        seed: of the bisection.

    Returns:
        What was made, and the devices that were left out.

    Raises:
        UsageError: the name is taken or can be none, or there are too few devices.
        MeasurementsUnusable: the devices asked for do not have 50 architectures in common.
    """
    _require_new(name)
    with Store.open(database_url()) as store:
        table = store.table(spaces.get(space).name, list(devices) or None)
    chosen = table.devices if devices else likeness.comparable(table)
    if len(chosen) < sources + targets:
        raise UsageError(
            f"{sources} sources and {targets} targets are {sources + targets} devices; there are "
            f"{len(chosen)} with {likeness.MIN_SHARED} {space} architectures in common",
            "ask for fewer, or bring more latencies in with 'latkit dataset import'",
        )
    correlations = rank_correlations(likeness.shared(table, chosen))
    rng = np.random.default_rng(seed)
    task = partition(name, space, chosen, correlations, sources=sources, targets=targets, rng=rng)
    task_file.write(task, path_of(name))
    left_out = tuple(device for device in table.devices if device not in chosen)
    return likeness.report(task, table), left_out


def _own_files() -> list[Path]:
    return sorted(path_of("").parent.glob("*.json"))


def _require_new(name: str) -> None:
    task_file.check_name(name)
    taken = {known.casefold(): known for known in READY}
    if same := taken.get(name.casefold()):
        raise UsageError(f"there is a task {same} already", "choose another name")
    if path_of(name).exists():
        raise UsageError(
            f"there is a task {name} of yours already",
            f"choose another name, or delete {path_of(name)}",
        )
