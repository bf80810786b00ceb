"""Published latencies: labels without samples, one per architecture and device.

A wide table has a column ``arch`` of official strings, or ``index`` of a benchmark's own numbers,
and one column per device, in milliseconds unless its header says otherwise, where NaN or nothing
stands for "not measured". Under which threads, precision and batch it was measured a table does not
say, other than perhaps in the device's name: 0 and ``unknown`` stand for that in the condition.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from reprlib import repr as shorten
from statistics import median
from typing import Any

from latkit.condition import UNKNOWN, Condition, Runtime, State
from latkit.errors import ArchError, StoreError, UsageError
from latkit.measurement import MAX_LATENCY_MS, Measurement, Verdict
from latkit.store.io.headers import EVERYTHING, MS, Taken, Unit
from latkit.store.io.refusal import Refuse, raising
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
_NUMERAL = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf(inity)?)", re.ASCII | re.I
)
_FORM = "a latency looks like 1234.5; --columns chooses the columns that are latencies"
_ARCHS = ("arch", "index")
_NOT_DEVICES = (*_ARCHS, "")
MAX_ARCH = 2_000


def from_columns(
    columns: Mapping[str, Sequence[Any]],
    parse: ParseAny,
    origin: str,
    taken: Taken = EVERYTHING,
    refuse: Refuse = raising,
) -> Iterator[Measurement]:
    """Measurements of a wide table.

    ``refuse`` is told of a StoreError for a cell that is no number, of an ArchError for a row.
    Raises StoreError where there are no architectures, or no latencies.
    """
    texts = next((columns[name] for name in _ARCHS if name in columns), None)
    if texts is None:
        raise StoreError(
            f"{origin} is neither an export nor a table of latencies: it has no column 'arch'",
            "a table has a column 'arch', then one column of milliseconds per device",
        )
    headers = [name for name in columns if name not in _NOT_DEVICES]
    if not headers:
        raise StoreError(f"{origin} has no column of latencies beside 'arch'")
    chosen = _devices(taken, headers, origin)
    archs = parse_all(texts, parse, origin, refuse)
    for header, (device, unit) in chosen.items():
        values = numbers(columns[header], f"{origin}, column {header!r}", refuse)
        yield from labels(archs, device, [MS[unit] * value for value in values])


def _devices(taken: Taken, headers: Sequence[str], origin: str) -> dict[str, tuple[str, Unit]]:
    """Device and unit of the columns that are taken; raises UsageError where two are of one."""
    try:
        chosen = {header: taken.device(header) for header in taken.headers(headers)}
    except UsageError as problem:
        raise problem.at(origin) from None
    counts = Counter(device for device, _ in chosen.values())
    if twice := [device for device, count in counts.items() if count > 1]:
        raise UsageError(f"{origin} has two columns of the device {twice[0]!r}", "see --columns")
    return chosen


def parse_all(
    texts: Iterable[Any], parse: ParseAny, origin: str, refuse: Refuse = raising
) -> list[Subject | None]:
    """Architectures of official strings, in their order.

    ``refuse`` is told of an ArchError that names the row; then there is None in its place.
    """
    archs: list[Subject | None] = []
    for number, text in enumerate(texts, start=1):
        try:
            archs.append(parse(_written(text)))
        except ArchError as problem:
            archs.append(None)
            refuse(problem.at(f"{origin}, row {number}"))
    return archs


def _written(text: Any) -> str:
    if isinstance(text, str | int | list) and len(shown := str(text)) <= MAX_ARCH:
        return shown
    raise ArchError(f"{shorten(text)} is no architecture")


def numbers(cells: Iterable[Any], origin: str, refuse: Refuse = raising) -> list[float]:
    """Latencies as a table has them, NaN where a cell is empty.

    ``refuse`` is told of a StoreError that names a row without a number, or once of a column
    without any; then there is NaN too.
    """
    found, wrong = [], []
    for row, cell in enumerate(cells, start=1):
        try:
            found.append(_number(cell))
        except (TypeError, ValueError, OverflowError):
            found.append(math.nan)
            wrong.append(StoreError(f"{origin}, row {row}: {shorten(cell)} is no latency", _FORM))
    if len(wrong) > 1 and all(map(math.isnan, found)):
        first = wrong[0].message.removeprefix(f"{origin}, ")
        wrong = [StoreError(f"{origin} holds no numbers ({first})", _FORM)]
    for problem in wrong:
        refuse(problem)
    return found


def _number(cell: Any) -> float:
    if cell is None or cell == "":
        return math.nan
    # What Python takes for a number besides: True, 1_000, numerals of other scripts.
    if isinstance(cell, bool) or (isinstance(cell, str) and not _NUMERAL.fullmatch(cell.strip())):
        raise ValueError
    return float(cell)


def labels(
    archs: Sequence[Subject | None], device: str, values_ms: Sequence[float]
) -> Iterator[Measurement]:
    """One measurement for every value that is not NaN, broken ones marked with the reason."""
    sound = [value for value in values_ms if 0 < value <= MAX_LATENCY_MS]
    floor_ms = NEAR_ZERO * median(sound) if sound else 0.0
    condition = _condition(device)
    for arch, value in zip(archs, values_ms, strict=True):
        if arch is not None and not math.isnan(value):
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
    if not 0 < value_ms <= MAX_LATENCY_MS:
        return Verdict("invalid", (f"no latency: published value {value_ms:g} is not a latency",))
    if value_ms < floor_ms:
        reason = f"near zero: published latency under {NEAR_ZERO:.0%} of the median"
        return Verdict("suspect", (reason,))
    return _VALID
