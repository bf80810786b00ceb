"""Published latencies: labels without samples, one per architecture and device.

Two forms are read: wide tables (a column ``arch``, then a column of milliseconds a device), and
the folder layout of HELP (Lee et al., NeurIPS 2021, github HayeonLee/HELP).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from latkit.errors import StoreError
from latkit.store.io import plain_pickle
from latkit.types import Arch, Measurement, Setting, Verdict

RUNTIME = "published"
NEAR_ZERO = 0.02
"""Below this share of its device's median a label is suspect: no network is that much faster."""

ParseAny = Callable[[str], Arch]
"""From an official string to an architecture of whichever space it belongs to."""
SkeletonOf = Callable[[str], str]
"""From the name of a space to the identity of its default skeleton."""


def from_columns(
    columns: Mapping[str, Sequence[Any]], parse: ParseAny, skeleton: SkeletonOf, origin: str
) -> Iterator[Measurement]:
    """Measurements of a wide table; raises StoreError where a column is not numbers."""
    if "arch" not in columns:
        raise StoreError(
            f"{origin} has no column 'arch'",
            "a wide table has a column 'arch', then one column of milliseconds per device",
        )
    archs = [parse(str(text)) for text in columns["arch"]]
    for device, values in columns.items():
        if device not in ("arch", "index", ""):
            yield from _labels(archs, device, _numbers(values, device, origin), skeleton)


def from_help(folder: Path, parse: ParseAny, skeleton: SkeletonOf) -> Iterator[Measurement]:
    """Measurements of one data set of HELP: ``latency/*.pt`` beside a list of architectures."""
    archs = [parse(text) for text in _help_archs(folder)]
    files = sorted((folder / "latency").glob("*.pt"))
    if not files:
        raise StoreError(f"{folder} has no latency/*.pt", "HELP keeps one file per device there")
    for file in files:
        values = plain_pickle.load(file)
        if not isinstance(values, list) or len(values) != len(archs):
            raise StoreError(f"{file} does not hold {len(archs)} latencies, one per architecture")
        yield from _labels(archs, file.stem, _numbers(values, file.stem, str(file)), skeleton)


def is_help(folder: Path) -> bool:
    """Whether a folder has HELP's layout."""
    return any((folder / name).is_file() for name in ("str_arch2idx.pt", "arch.pt"))


def _help_archs(folder: Path) -> list[str]:
    table = folder / "str_arch2idx.pt"
    if table.is_file():
        numbered = plain_pickle.load(table)
        if not isinstance(numbered, dict):
            raise StoreError(f"{table} does not map architectures to their numbers")
        ordered = sorted(numbered.items(), key=lambda item: item[1])
        if [number for _, number in ordered] != list(range(len(ordered))):
            raise StoreError(f"{table}: the numbers of its architectures have gaps")
        return [str(text) for text, _ in ordered]
    rows = plain_pickle.load(folder / "arch.pt")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise StoreError(f"{folder / 'arch.pt'} is not a list of block indices")
    return ["_".join(str(index) for index in row) for row in rows]


def _numbers(values: Iterable[Any], device: str, origin: str) -> list[float]:
    try:
        return [math.nan if value in (None, "") else float(value) for value in values]
    except (TypeError, ValueError) as problem:
        raise StoreError(f"{origin}: column {device!r} is not all numbers ({problem})") from None


def _labels(
    archs: Sequence[Arch], device: str, values: Sequence[float], skeleton: SkeletonOf
) -> Iterator[Measurement]:
    known = [value for value in values if math.isfinite(value) and value > 0]
    typical = median(known) if known else math.nan
    ids = {space: skeleton(space) for space in {arch.space for arch in archs}}
    settings = {space: Setting(device, ids[space], RUNTIME, "") for space in ids}
    for arch, value in zip(archs, values, strict=True):
        if not math.isnan(value):
            verdict = _verdict(value, typical)
            latency_ms = None if verdict.level == "invalid" else value
            yield Measurement(arch, settings[arch.space], verdict, latency_ms)


def _verdict(value: float, typical: float) -> Verdict:
    if not math.isfinite(value) or value <= 0:
        return Verdict("invalid", (f"published value {value:g} is not a latency",))
    if value < NEAR_ZERO * typical:
        return Verdict("suspect", (f"below {NEAR_ZERO:.0%} of the device's median",))
    return Verdict("valid")
