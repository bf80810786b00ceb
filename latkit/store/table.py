"""Latencies as a matrix, the form in which predictors and evaluations take them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from latkit.errors import MeasurementsUnusable
from latkit.measurement import Arch, Setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LatencyTable:
    """Latencies of n architectures (rows) on d devices (columns).

    ``latency_ms`` has shape (n, d) and is NaN where a device lacks a usable measurement;
    ``settings[i]`` is what column i was measured under.
    """

    archs: list[Arch]
    devices: list[str]
    latency_ms: NDArray[np.float64]
    settings: list[Setting]


class Cell(NamedTuple):
    """One latency, by the numbers that the database gave to architecture and setting."""

    arch_id: int
    setting_id: int
    latency_ms: float


def build_table(
    space: str,
    cells: Sequence[Cell],
    archs: Mapping[int, Arch],
    settings: Mapping[int, Setting],
    devices: Sequence[str] | None,
) -> LatencyTable:
    """The matrix of ``cells``, which come oldest first, with rows in the order of their numbers.

    Raises MeasurementsUnusable where one of ``devices`` has no cell.
    """
    import numpy as np

    chosen = _setting_of_device(cells, settings)
    names = _columns(space, chosen, devices)
    column = {chosen[name]: position for position, name in enumerate(names)}
    kept = [cell for cell in cells if cell.setting_id in column]
    row = {number: at for at, number in enumerate(sorted({cell.arch_id for cell in kept}))}
    latency_ms = np.full((len(row), len(column)), np.nan)
    at = [row[cell.arch_id] for cell in kept], [column[cell.setting_id] for cell in kept]
    latency_ms[at] = [cell.latency_ms for cell in kept]
    used = [settings[chosen[name]] for name in names]
    return LatencyTable([archs[number] for number in row], names, latency_ms, used)


def _setting_of_device(cells: Sequence[Cell], settings: Mapping[int, Setting]) -> dict[str, int]:
    count = Counter(cell.setting_id for cell in cells)
    newest = {cell.setting_id: position for position, cell in enumerate(cells)}
    chosen: dict[str, int] = {}
    for number in sorted(count, key=lambda number: (count[number], newest[number])):
        chosen[settings[number].device] = number
    return chosen


def _columns(space: str, chosen: Mapping[str, int], devices: Sequence[str] | None) -> list[str]:
    if devices is None:
        return sorted(chosen)
    absent = [name for name in devices if name not in chosen]
    if absent:
        raise MeasurementsUnusable(
            f"the dataset has no usable {space} latencies of {', '.join(absent)}",
            "'latkit dataset info' shows what it has",
        )
    return list(dict.fromkeys(devices))
