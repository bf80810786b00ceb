"""Measurements as flat files, one row each, in CSV, JSON or Parquet.

Columns are those of ``COLUMNS``; ``reasons`` are joined by "; " in CSV. JSON and Parquet also
carry ``context`` and ``blocks``, so that nothing is lost on the way there and back.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latkit.errors import StoreError, UsageError
from latkit.types import LEVELS, Arch, Block, Measurement, Setting, Verdict

SETTING = tuple(Setting.__dataclass_fields__)
FIGURES = ("latency_ms", "lower_ms", "upper_ms", "p10_ms", "p90_ms", "noise")
COLUMNS = ("space", "arch", *SETTING, *FIGURES, "verdict", "reasons", "measured_at")
FORMATS = (".csv", ".json", ".parquet")
_INTEGERS = ("threads", "batch", "protocol")
_SEPARATOR = "; "

Parse = Callable[[str, str], Arch]
"""From space and text to a canonical architecture; raises ArchError."""


def write(measurements: Iterable[Measurement], path: Path) -> int:
    """Write measurements in the format that the file's suffix names; returns how many.

    Raises UsageError for another suffix, StoreError where the file cannot be written.
    """
    if path.suffix not in _WRITERS:
        raise UsageError(f"cannot write {path.name}: known formats are {', '.join(FORMATS)}")
    rows = [_row(measurement) for measurement in measurements]
    temporary = path.with_name(f".{path.name}.part")
    try:
        _WRITERS[path.suffix](rows, temporary)
        temporary.replace(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {problem.strerror or problem}") from None
    return len(rows)


def read(rows: Iterable[Mapping[str, Any]], parse: Parse, origin: str) -> list[Measurement]:
    """Measurements from flat rows; raises StoreError naming the row that is wrong."""
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(_measurement(row, parse))
        except (KeyError, TypeError, ValueError) as problem:
            words = f"has no column {problem}" if isinstance(problem, KeyError) else str(problem)
            raise StoreError(f"{origin}, row {number}: {words}") from None
    return found


def _row(measurement: Measurement) -> dict[str, Any]:
    return {
        "space": measurement.arch.space,
        "arch": measurement.arch.text,
        **asdict(measurement.setting),
        **{name: getattr(measurement, name) for name in FIGURES},
        "verdict": measurement.verdict.level,
        "reasons": list(measurement.verdict.reasons),
        "measured_at": measurement.measured_at,
        "context": dict(measurement.context),
        "blocks": [asdict(block) for block in measurement.blocks],
    }


def _write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "reasons": _SEPARATOR.join(row["reasons"])} for row in rows)


def _write_json(rows: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False)


def _write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    block = pa.struct(
        {
            "cold_ns": pa.int64(),
            "samples_ns": pa.list_(pa.int64()),
            "thread_cpu_ns": pa.int64(),
            "involuntary_switches": pa.int64(),
        }
    )
    kinds = dict.fromkeys(COLUMNS, pa.string())
    kinds |= dict.fromkeys(_INTEGERS, pa.int64()) | dict.fromkeys(FIGURES, pa.float64())
    kinds |= {"reasons": pa.list_(pa.string()), "context": pa.string(), "blocks": pa.list_(block)}
    flat = [{**row, "context": json.dumps(row["context"])} for row in rows]
    parquet.write_table(pa.Table.from_pylist(flat, schema=pa.schema(kinds)), path)


_WRITERS = {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}


def _measurement(row: Mapping[str, Any], parse: Parse) -> Measurement:
    level = row["verdict"]
    if level not in LEVELS:
        raise ValueError(f"verdict {level!r} is not one of {', '.join(LEVELS)}")
    figures = {name: _number(row.get(name), name) for name in FIGURES}
    if level != "invalid" and figures["latency_ms"] is None:
        raise ValueError(f"a {level} measurement needs latency_ms")
    return Measurement(
        arch=parse(str(row["space"]), str(row["arch"])),
        setting=_setting(row),
        verdict=Verdict(level, _reasons(row.get("reasons"))),
        **figures,
        blocks=tuple(_block(block) for block in row.get("blocks") or ()),
        context=_context(row.get("context")),
        measured_at=str(row["measured_at"]),
    )


def _setting(row: Mapping[str, Any]) -> Setting:
    fields: dict[str, Any] = {name: str(row[name]) for name in SETTING}
    return Setting(**fields | {name: int(row[name]) for name in _INTEGERS})


def _number(value: Any, name: str) -> float | None:
    if value is None or value == "":
        return None
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ValueError(f"{name} is {value!r}, not a finite number above zero")
    return number


def _reasons(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(filter(None, value.split(_SEPARATOR)))
    return tuple(map(str, value or ()))


def _context(value: Any) -> dict[str, Any]:
    found = json.loads(value) if isinstance(value, str) and value else value
    if not isinstance(found or {}, dict):
        raise ValueError("context is not an object")
    return found or {}


def _block(fields: Mapping[str, Any]) -> Block:
    samples_ns = tuple(int(value) for value in fields["samples_ns"])
    counts = {
        name: int(fields[name]) for name in ("cold_ns", "thread_cpu_ns", "involuntary_switches")
    }
    return Block(samples_ns=samples_ns, **counts)
