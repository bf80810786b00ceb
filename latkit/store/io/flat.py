"""Measurements as flat files, one row each, in CSV, JSON or Parquet.

The columns are the fields of ``latkit.store.io.record.Record``. CSV leaves out ``context`` and
``blocks``; JSON and Parquet carry all, so that nothing is lost on the way there and back. In CSV
and Parquet ``context`` and, in CSV, ``affinity`` and ``reasons`` are cells of JSON.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from latkit.csv_cells import defused
from latkit.errors import StoreError, UsageError
from latkit.files import replacing
from latkit.measurement import Measurement
from latkit.store.io.record import (
    COLUMNS,
    CSV_COLUMNS,
    BlockRecord,
    Parse,
    from_record,
    to_record,
)
from latkit.store.io.refusal import Refuse, raising
from latkit.store.rows import FIGURES


def write(measurements: Iterable[Measurement], path: Path) -> int:
    """Write measurements in the format that the file's suffix names; returns how many.

    The file appears whole or not at all. Raises UsageError for another suffix, StoreError where
    the file cannot be written.
    """
    if path.suffix not in _WRITERS:
        raise UsageError(f"cannot write {path}: known formats are {', '.join(_WRITERS)}")
    records = [to_record(measurement) for measurement in measurements]
    try:
        with replacing(path) as temporary:
            _WRITERS[path.suffix](records, temporary)
    except OSError as problem:
        raise StoreError(f"cannot write {path}: {problem.strerror or problem}") from None
    return len(records)


def read(
    rows: Iterable[Mapping[str, Any]], parse: Parse, origin: str, refuse: Refuse = raising
) -> Iterator[Measurement]:
    """Measurements from flat rows.

    ``refuse`` is told of a StoreError, or an ArchError, naming the row that is wrong.
    """
    for number, row in enumerate(rows, start=1):
        try:
            found = from_record(row, parse)
        except (StoreError, UsageError) as problem:
            refuse(problem.at(f"{origin}, row {number}"))
        else:
            yield found


def require_columns(names: Iterable[str], origin: str) -> None:
    """That a table with a column ``latency_ms`` is an export; raises StoreError where it is none.

    Of an export that lacks a column or two every row is told what it lacks.
    """
    if not {"space", "device", "verdict"} & set(names):
        raise StoreError(
            f"{origin} is no export: its column 'latency_ms' does not say of which device",
            "call the column by the device's name, beside a column 'arch'",
        )


def _write_csv(records: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(_cells(record) for record in records)


def _write_json(records: list[dict[str, Any]], path: Path) -> None:
    lines = ",\n".join(json.dumps(record) for record in records)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _write_parquet(records: list[dict[str, Any]], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    block = dict.fromkeys(BlockRecord.model_fields, pa.int64())
    block["samples_ns"] = pa.list_(pa.int64())
    kinds = dict.fromkeys(COLUMNS, pa.string())
    kinds |= dict.fromkeys(("threads", "batch", "protocol"), pa.int32())
    kinds |= dict.fromkeys(FIGURES, pa.float64())
    kinds |= {"affinity": pa.list_(pa.int32()), "tuned": pa.bool_()}
    kinds |= {"reasons": pa.list_(pa.string()), "blocks": pa.list_(pa.struct(block))}
    rows = [{**record, "context": _cell(record["context"])} for record in records]
    parquet.write_table(pa.Table.from_pylist(rows, schema=pa.schema(kinds)), path)


def _cells(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as a CSV file has it: lists as JSON, and no text that begins as a formula does."""
    lists = {name: _cell(record[name]) for name in ("affinity", "reasons")}
    return {name: defused(value) for name, value in {**record, **lists}.items()}


def _cell(value: Any) -> str:
    return json.dumps(value) if value else ""


_WRITERS = {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}
