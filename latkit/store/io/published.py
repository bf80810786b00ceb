"""Published latencies: labels without samples, one per architecture and device.

A wide table has a column ``arch`` of official strings, perhaps a column ``index``, and one column
of milliseconds per device, where NaN or nothing stands for "not measured". Under which threads,
precision and batch it was measured a table does not say, other than perhaps in the device's name:
0 and ``unknown`` stand for that in the condition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from latkit.condition import UNKNOWN, Condition, Runtime, State
from latkit.errors import ArchError, StoreError
from latkit.measurement import Measurement, Verdict
from latkit.subjects import Subject

RUNTIME = "published"
NEAR_ZERO = 0.05
"""Below this share of its device's median a label is suspect.

In HW-NAS-Bench's Raspberry Pi and Pixel 3 columns no connected NB201 cell is faster than 0.08 of
the median, and a converter that folded a disconnected network into a constant left 0.0003 to 0.05.
"""

ParseAny = Callable[[str], Subject]
"""From an official string to an architecture of whichever space it belongs to."""

_VALID = Verdict("valid")
_NOT_DEVICES = ("arch", "index", "")


def from_columns(
    columns: Mapping[str, Sequence[Any]], parse: ParseAny, origin: str
) -> Iterator[Measurement]:
    """Measurements of a wide table.

    Raises StoreError where a column is not all numbers, ArchError naming the row.
    """
    devices = {name: cells for name, cells in columns.items() if name not in _NOT_DEVICES}
    if not devices:
        raise StoreError(f"{origin} has no column of latencies beside 'arch'")
    archs = parse_all(columns["arch"], parse, origin)
    for device, cells in devices.items():
        values = numbers(cells, f"{origin}, column {device!r}")
        yield from labels(archs, device, values)


def parse_all(texts: Iterable[Any], parse: ParseAny, origin: str) -> list[Subject]:
    """Architectures of official strings; raises ArchError naming the row that is wrong."""
    archs = []
    for number, text in enumerate(texts, start=1):
        try:
            archs.append(parse(str(text)))
        except ArchError as problem:
            raise problem.at(f"{origin}, row {number}") from None
    return archs


def numbers(cells: Iterable[Any], origin: str) -> list[float]:
    """Latencies in ms, NaN where a cell is empty; raises StoreError naming a row that is none."""
    found = []
    for row, cell in enumerate(cells, start=1):
        try:
            found.append(math.nan if cell is None or cell == "" else float(cell))
        except (TypeError, ValueError, OverflowError):
            raise StoreError(f"{origin}, row {row}: {str(cell)[:40]!r} is no latency") from None
    return found


def labels(
    archs: Sequence[Subject], device: str, values_ms: Sequence[float]
) -> Iterator[Measurement]:
    """One measurement for every value that is not NaN, broken ones marked with the reason."""
    sound = [value for value in values_ms if 0 < value < math.inf]
    floor_ms = NEAR_ZERO * median(sound) if sound else 0.0
    condition = _condition(device)
    for arch, value in zip(archs, values_ms, strict=True):
        if not math.isnan(value):
            latency_ms = value if math.isfinite(value) else None
            yield Measurement(arch, condition, _verdict(value, floor_ms), latency_ms)


def _condition(device: str) -> Condition:
    return Condition(
        device,
        Runtime(RUNTIME, UNKNOWN, UNKNOWN),
        threads=0,
        precision=UNKNOWN,
        batch=0,
        state=State(UNKNOWN),
        protocol=0,
        kind=device,
    )


def _verdict(value_ms: float, floor_ms: float) -> Verdict:
    if floor_ms <= value_ms < math.inf and value_ms > 0:
        return _VALID
    if 0 < value_ms < math.inf:
        reason = f"near zero: published latency under {NEAR_ZERO:.0%} of the median"
        return Verdict("suspect", (reason,))
    return Verdict("invalid", (f"no latency: published value {value_ms:g} is not a latency",))
