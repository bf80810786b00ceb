"""Latencies as a matrix, the form in which predictors and evaluations take them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from latkit.condition import Condition
from latkit.errors import MeasurementsUnusable
from latkit.subjects import Subject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LatencyTable:
    """Latencies of n subjects (rows) on d devices (columns).

    ``latency_ms`` has shape (n, d) and is NaN where a device lacks a usable measurement;
    ``conditions[i]`` is what column i was measured under.
    """

    subjects: list[Subject]
    devices: list[str]
    latency_ms: NDArray[np.float64]
    conditions: list[Condition]


class Cell(NamedTuple):
    """One latency, by the numbers that the database gave to subject and condition."""

    subject_id: int
    condition_id: int
    latency_ms: float


def build_table(
    collection: str,
    cells: Sequence[Cell],
    subjects: Mapping[int, Subject],
    conditions: Mapping[int, Condition],
    devices: Sequence[str] | None,
) -> LatencyTable:
    """The matrix of ``cells``, which come as they were stored, with rows in the order of numbers.

    Raises MeasurementsUnusable where one of ``devices`` has no cell.
    """
    import numpy as np

    chosen = _condition_of_device(cells, conditions)
    names = _columns(collection, chosen, devices)
    column = {chosen[name]: position for position, name in enumerate(names)}
    kept = [cell for cell in cells if cell.condition_id in column]
    row = {number: at for at, number in enumerate(sorted({cell.subject_id for cell in kept}))}
    latency_ms = np.full((len(row), len(column)), np.nan)
    at = [row[cell.subject_id] for cell in kept], [column[cell.condition_id] for cell in kept]
    latency_ms[at] = [cell.latency_ms for cell in kept]
    used = [conditions[chosen[name]] for name in names]
    return LatencyTable([subjects[number] for number in row], names, latency_ms, used)


def _condition_of_device(
    cells: Sequence[Cell], conditions: Mapping[int, Condition]
) -> dict[str, int]:
    count = Counter(cell.condition_id for cell in cells)
    newest = {cell.condition_id: position for position, cell in enumerate(cells)}
    chosen: dict[str, int] = {}
    for number in sorted(count, key=lambda number: (count[number], newest[number])):
        chosen[conditions[number].board] = number
    return chosen


def _columns(
    collection: str, chosen: Mapping[str, int], devices: Sequence[str] | None
) -> list[str]:
    if devices is None:
        return sorted(chosen)
    absent = [name for name in devices if name not in chosen]
    if absent:
        raise MeasurementsUnusable(
            f"the dataset has no usable {collection} latencies of {', '.join(absent)}",
            "'latkit dataset info' shows what it has",
        )
    return list(dict.fromkeys(devices))
