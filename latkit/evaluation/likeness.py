"""What a dataset has of a task's devices, and how alike these rank architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.errors import MeasurementsUnusable
from latkit.evaluation.partition import MIN_COMMON_ARCHS, rank_correlations
from latkit.evaluation.tasks import MIN_SOURCES, Task
from latkit.store import LatencyTable

MIN_SHARED = 50
"""So many architectures are few enough to ask for, and leave some to score beside 20 samples."""


@dataclass(frozen=True, slots=True)
class TaskReport:
    """A task, and what the dataset has of it.

    Args:
        task: as it was defined, devices that are absent included.
        networks: how many architectures each device has; 0 where it is absent.
        shared: how many architectures all devices have that are present.
        correlations: rank correlation of each target with each source over the shared ones; none
            where the task cannot be run or fewer than 20 are shared.
    """

    task: Task
    networks: Mapping[str, int]
    shared: int
    correlations: Mapping[str, Mapping[str, float]]

    @property
    def missing(self) -> tuple[str, ...]:
        """Devices that the dataset lacks."""
        return tuple(device for device, count in self.networks.items() if not count)

    @property
    def runnable(self) -> bool:
        """Whether enough devices and architectures are there."""
        return bool(self.correlations)


def report(task: Task, table: LatencyTable) -> TaskReport:
    """Compare the devices of a task."""
    devices = (*task.sources, *task.targets)
    networks = dict.fromkeys(devices, 0)
    present = [device for device in devices if device in table.devices]
    found = np.isfinite(columns(table, present))
    networks.update(zip(present, found.sum(axis=0).tolist(), strict=True))
    rows = columns(table, present)[found.all(axis=1) & found.any(axis=1)]
    sources = [device for device in task.sources if device in present]
    targets = [device for device in task.targets if device in present]
    if len(sources) < MIN_SOURCES or not targets or len(rows) < MIN_COMMON_ARCHS:
        return TaskReport(task, networks, len(rows), {})
    across = rank_correlations(rows)[len(sources) :, : len(sources)].tolist()
    pairs = (dict(zip(sources, row, strict=True)) for row in across)
    return TaskReport(task, networks, len(rows), dict(zip(targets, pairs, strict=True)))


def columns(table: LatencyTable, devices: Sequence[str]) -> NDArray[np.float64]:
    """Latencies of some devices of a table, shape (n, devices)."""
    places = [table.devices.index(device) for device in devices]
    latency_ms: NDArray[np.float64] = table.latency_ms[:, places]
    return latency_ms


def shared(table: LatencyTable, devices: Sequence[str]) -> NDArray[np.float64]:
    """Latencies of the architectures that all of some devices have, shape (n, devices).

    Raises MeasurementsUnusable where these are fewer than 50, or all equal on a device.
    """
    latency_ms = columns(table, devices)
    rows = latency_ms[np.isfinite(latency_ms).all(axis=1)]
    if len(rows) < MIN_SHARED:
        raise MeasurementsUnusable(
            f"{len(devices)} devices have {len(rows)} architectures in common, "
            f"{MIN_SHARED} are needed",
            f"leave out {_scarcest(table, devices)}, which has fewest, or measure more on it",
        )
    for device, column in zip(devices, rows.T, strict=True):
        if np.ptp(column) == 0:
            raise MeasurementsUnusable(
                f"all architectures have the same latency on {device}: it ranks none",
                "name the devices to use, without it, by --device",
            )
    return rows


def comparable(table: LatencyTable) -> list[str]:
    """Devices that have 50 architectures in common; those that have fewest are left out first."""
    devices = list(table.devices)
    while devices and np.isfinite(columns(table, devices)).all(axis=1).sum() < MIN_SHARED:
        devices.remove(_scarcest(table, devices))
    return devices


def _scarcest(table: LatencyTable, devices: Sequence[str]) -> str:
    counts = np.isfinite(columns(table, devices)).sum(axis=0)
    return devices[int(counts.argmin())]
