"""CSV, JSON and Parquet files as columns or rows, whatever these mean.

Nothing here is in proportion to what a file claims: size, columns, rows and cells are bounded.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

from latkit.errors import StoreError, UsageError
from latkit.reading import MIB, parse_json, read_bytes
from latkit.store.io import csv_file, parquet_file

Columns = dict[str, list[Any]]
Lines = Iterator[list[Any]]

MAX_COLUMNS = 10_000
MAX_CELLS = 4_000_000
MAX_JSON_BYTES = 64 * MIB


def read(path: Path) -> Columns:
    """All columns of a file, equally long; cells of a CSV file are text.

    Raises UsageError for a suffix that is not known, StoreError where the content is damaged or
    more than is read at once.
    """
    return columns(*lines(path), path)


def columns(names: list[str], found: Lines, path: Path) -> Columns:
    """All lines as columns."""
    most = MAX_CELLS // max(1, len(names))
    columns: Columns = {name: [] for name in names}
    for number, line in enumerate(found):
        if number >= most:
            raise StoreError(f"{path} has more than {MAX_CELLS:,} cells", "import it in parts")
        for column, cell in zip(columns.values(), line, strict=True):
            column.append(cell)
    return columns


def rows(columns: Columns) -> Iterator[dict[str, Any]]:
    """The same, row by row."""
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def lines(path: Path) -> tuple[list[str], Lines]:
    """The names of a file's columns, and its lines, read as they are asked for.

    Raises as ``read``, some of it only while the lines are iterated.
    """
    found = _sound(path, reader(path))
    names = next(found)
    return names, found


def reader(path: Path) -> Callable[[Path], Lines]:
    """What reads a file of this suffix; raises UsageError where nothing does."""
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise UsageError(f"cannot read {path}: known formats are {', '.join(_READERS)}")
    return _READERS[suffix]


def _sound(path: Path, read: Callable[[Path], Lines]) -> Lines:
    """What a reader finds, whose names are sound and whose every failure is a StoreError."""
    try:
        found = read(path)
        names = next(found)
        _require_names(names)
        yield names
        yield from found
    except OSError as problem:
        raise StoreError(f"cannot read {path}: {problem.strerror or problem}") from None
    except (ValueError, OverflowError, csv.Error) as problem:
        kind, why = path.suffix.removeprefix("."), str(problem).partition("\n")[0][:200]
        raise StoreError(f"{path} is damaged, or no {kind} file: {why}") from None


def _json_lines(path: Path) -> Lines:
    """Of records, whose keys are the names; none at all where there is no record."""
    records = parse_json(read_bytes(path, MAX_JSON_BYTES).decode("utf-8-sig"))
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError("expected a list of objects")
    names = list(dict.fromkeys(name for record in records for name in record))
    yield names
    for record in records:
        yield [record.get(name) for name in names]


def _require_names(names: list[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise ValueError(f"it has {len(names):,} columns, more than {MAX_COLUMNS:,}")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f"column {shorten(twice[0])} occurs twice")


_READERS: dict[str, Callable[[Path], Lines]] = {
    ".csv": csv_file.lines,
    ".json": _json_lines,
    ".parquet": parquet_file.lines,
    ".tsv": csv_file.lines,
}
