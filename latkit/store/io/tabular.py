"""CSV, JSON and Parquet files as columns, whatever these mean."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from latkit.errors import StoreError, UsageError

Columns = dict[str, list[Any]]


def read(path: Path) -> Columns:
    """All columns of a file, equally long; cells of a CSV file are text.

    Raises UsageError for a suffix that is not known, StoreError where the content is damaged.
    """
    try:
        return reader(path)(path)
    except OSError as problem:
        raise StoreError(f"cannot read {path}: {problem.strerror or problem}") from None
    except (ValueError, RecursionError, csv.Error) as problem:
        kind = path.suffix.removeprefix(".")
        raise StoreError(f"{path} is damaged, or no {kind} file: {problem}") from None


def rows(columns: Columns) -> Iterator[dict[str, Any]]:
    """The same, row by row."""
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def reader(path: Path) -> Callable[[Path], Columns]:
    """What reads a file of this suffix; raises UsageError where nothing does."""
    if path.suffix not in _READERS:
        raise UsageError(f"cannot read {path}: known formats are {', '.join(_READERS)}")
    return _READERS[path.suffix]


def _read_csv(path: Path) -> Columns:
    # utf-8-sig: spreadsheets put a byte-order mark before the first column's name.
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        _require_names(header)
        return _columns(header, _full_lines(lines, len(header)))


def _full_lines(lines: Any, width: int) -> Iterator[list[str]]:
    for line in lines:
        if not line:
            continue
        if len(line) != width:
            raise ValueError(f"line {lines.line_num} has {len(line)} cells, the header {width}")
        yield line


def _read_json(path: Path) -> Columns:
    records = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError("expected a list of objects")
    names = list(dict.fromkeys(name for record in records for name in record))
    return _columns(names, ([record.get(name) for name in names] for record in records))


def _read_parquet(path: Path) -> Columns:
    from pyarrow import parquet

    # Opened here: pyarrow itself would take a folder or a URL too. Without its threads, as a
    # process that ends while they are being started is aborted.
    with path.open("rb") as file:
        table = parquet.ParquetFile(file, pre_buffer=False).read(use_threads=False)
    _require_names(table.column_names)
    columns: Columns = table.to_pydict()
    return columns


def _columns(names: list[str], lines: Iterable[list[Any]]) -> Columns:
    columns: Columns = {name: [] for name in names}
    for line in lines:
        for column, cell in zip(columns.values(), line, strict=True):
            column.append(cell)
    return columns


def _require_names(names: list[str]) -> None:
    if not names:
        raise ValueError("it has no columns")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"column {twice[0]!r} occurs twice")


_READERS: dict[str, Callable[[Path], Columns]] = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
