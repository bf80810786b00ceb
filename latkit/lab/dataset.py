"""The dataset as people see it: summaries, rows, files in and out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latkit import spaces
from latkit.config import database_url
from latkit.errors import ArchError
from latkit.measurement import LEVELS, Arch, Level, Measurement
from latkit.store import Store
from latkit.store.io import files, flat

__all__ = ["database_url", "export_file", "import_path", "read_file", "rows", "summary"]


def summary() -> list[dict[str, Any]]:
    """One row per device, space and setting."""
    with Store.open(database_url()) as store:
        return [
            {**asdict(entry.setting), **{k: v for k, v in asdict(entry).items() if k != "setting"}}
            for entry in store.summary()
        ]


def rows(
    device: str | None, space: str | None, levels: tuple[Level, ...] = LEVELS
) -> list[dict[str, Any]]:
    """Measurements, oldest first, without their raw samples."""
    with Store.open(database_url()) as store:
        found = store.measurements(device=device, space=space, levels=levels)
    return [
        {
            "arch": m.arch.text,
            "space": m.arch.space,
            **asdict(m.setting),
            **figures(m),
            "measured_at": m.measured_at,
        }
        for m in found
    ]


def figures(m: Measurement) -> dict[str, Any]:
    """What was measured, and how far to believe it."""
    return {
        "latency_ms": m.latency_ms,
        "lower_ms": m.lower_ms,
        "upper_ms": m.upper_ms,
        "noise": m.noise,
        "energy_mj": m.energy_mj,
        "verdict": m.verdict.level,
        "reasons": list(m.verdict.reasons),
    }


def export_file(file: str, device: str | None, space: str | None) -> int:
    """Write measurements to a .csv, .json or .parquet file; returns how many."""
    path = Path(file)
    with Store.open(database_url()) as store:
        with_samples = path.suffix != ".csv"
        found = store.measurements(device=device, space=space, with_samples=with_samples)
    return flat.write(found, path)


def import_path(path: str, space: str | None = None) -> tuple[int, int]:
    """Add what a file or folder holds; returns how many were new, and how many known already."""
    seen = 0

    def counted(measurements: Any) -> Any:
        nonlocal seen
        for measurement in measurements:
            seen += 1
            yield measurement

    with Store.open(database_url()) as store:
        added = store.add_many(counted(read_file(Path(path), space)))
    return added, seen - added


def read_file(path: Path, space: str | None = None) -> Iterator[Measurement]:
    """Measurements of a file or folder; some of its faults show only while this is iterated."""
    return files.read(
        path,
        parse=lambda name, text: spaces.get(name).parse(text),
        parse_any=lambda text: _parse_any(text, space),
        skeleton=lambda name: spaces.get(name).skeleton_id(),
    )


def _parse_any(text: str, space: str | None) -> Arch:
    if space:
        return spaces.get(space).parse(text)
    for name in spaces.names():
        try:
            return spaces.get(name).parse(text)
        except ArchError:
            continue
    raise ArchError(f"no known space has the architecture {text[:60]!r}", "name it with --space")
