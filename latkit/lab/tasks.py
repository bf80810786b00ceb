"""Transfer tasks: the published ones, those that leave a family out, and the user's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latkit import spaces
from latkit.errors import UnknownNameError, UsageError
from latkit.evaluation import likeness, task_file
from latkit.evaluation.families import FAMILIES
from latkit.evaluation.likeness import TaskReport as TaskReport
from latkit.evaluation.partition import partition, rank_correlations
from latkit.evaluation.tasks import PUBLISHED, Task
from latkit.lab.workspace import Workspace
from latkit.plural import counted

READY = {**PUBLISHED, **FAMILIES}


def all_tasks(lab: Workspace) -> list[Task]:
    """Published tasks, families, the user's own; raises UsageError where a file is no task."""
    return [*READY.values(), *(task_file.read(path) for path in _own_files(lab))]


def find_task(lab: Workspace, name: str) -> Task:
    """The task of that name; raises UnknownNameError with the nearest known one."""
    if name in READY:
        return READY[name]
    own = {path.stem: path for path in _own_files(lab)}
    if name not in own:
        raise UnknownNameError("task", name, [*READY, *own], "'latkit tasks list' shows them all")
    return task_file.read(own[name])


def kind(task: Task) -> str:
    """Where a task comes from: ``paper``, ``family`` or ``own``."""
    if task.name in PUBLISHED:
        return "paper"
    return "family" if task.name in FAMILIES else "own"


def path_of(lab: Workspace, name: str) -> Path:
    """Where the user's own task of that name is kept."""
    return lab.data / "tasks" / f"{name}.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A task, and the devices of it that the dataset lacks."""

    task: Task
    missing: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        """All of it, as a row of results."""
        return {
            "task": self.task.name,
            "kind": kind(self.task),
            "space": self.task.space,
            "sources": len(self.task.sources),
            "targets": len(self.task.targets),
            "missing": list(self.missing),
        }


def overview(lab: Workspace) -> list[Entry]:
    """All tasks."""
    tasks = all_tasks(lab)
    with lab.store() as store:
        known = {
            (entry.collection, entry.condition.board)
            for entry in store.summary()
            if entry.valid + entry.suspect
        }
    return [Entry(task, _missing(task, known)) for task in tasks]


def _missing(task: Task, known: Collection[tuple[str, str]]) -> tuple[str, ...]:
    devices = (*task.sources, *task.targets)
    return tuple(device for device in devices if (task.space, device) not in known)


def describe(lab: Workspace, name: str) -> TaskReport:
    """A task, what the dataset has of it, and how alike its devices are."""
    task = find_task(lab, name)
    with lab.store() as store:
        return likeness.report(task, store.table(task.space))


def make(
    lab: Workspace,
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
        lab: whose dataset has the devices.
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
    _require_new(lab, name)
    with lab.store() as store:
        table = store.table(spaces.get(space).name, list(devices) or None)
    chosen = table.devices if devices else likeness.comparable(table)
    if len(chosen) < sources + targets:
        raise UsageError(
            f"{counted(sources, 'source')} and {counted(targets, 'target')} are "
            f"{sources + targets} devices; there are "
            f"{len(chosen)} with {likeness.MIN_SHARED} {space} architectures in common",
            "ask for fewer, or import more latencies; see 'latkit dataset import --help'",
        )
    correlations = rank_correlations(likeness.shared(table, chosen))
    rng = np.random.default_rng(seed)
    task = partition(name, space, chosen, correlations, sources=sources, targets=targets, rng=rng)
    task_file.write(task, path_of(lab, name))
    left_out = tuple(device for device in table.devices if device not in chosen)
    return likeness.report(task, table), left_out


def _own_files(lab: Workspace) -> list[Path]:
    return sorted(path_of(lab, "").parent.glob("*.json"))


def _require_new(lab: Workspace, name: str) -> None:
    task_file.check_name(name)
    taken = {known.casefold(): known for known in READY}
    if same := taken.get(name.casefold()):
        raise UsageError(f"there is a task {same} already", "choose another name")
    if path_of(lab, name).exists():
        raise UsageError(
            f"there is a task {name} of yours already",
            f"choose another name, or delete {path_of(lab, name)}",
        )
