"""Reading whatever file or folder of measurements a person has."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from latkit.errors import StoreError, UsageError
from latkit.store.io import flat, published
from latkit.types import Measurement

_FLAT_SIGN = {"latency_ms", "verdict"}


def read(
    path: Path,
    *,
    parse: flat.Parse,
    parse_any: published.ParseAny,
    skeleton: published.SkeletonOf,
) -> Iterable[Measurement]:
    """Measurements of a flat file, a wide table, or a folder in HELP's layout.

    Raises UsageError for a form that is not known, StoreError where the content is wrong.
    """
    if path.is_dir():
        return _read_folder(path, parse_any, skeleton)
    if path.suffix not in flat.FORMATS:
        known = ", ".join(flat.FORMATS)
        raise UsageError(f"cannot read {path.name}: known formats are {known}, or HELP's folders")
    columns = _columns(path)
    if columns.keys() >= _FLAT_SIGN:
        return flat.read(_rows(columns), parse, str(path))
    return published.from_columns(columns, parse_any, skeleton, str(path))


def _read_folder(
    folder: Path, parse: published.ParseAny, skeleton: published.SkeletonOf
) -> Iterable[Measurement]:
    folders = [path for path in (folder, *sorted(folder.iterdir())) if published.is_help(path)]
    if not folders:
        raise UsageError(
            f"{folder} is not in HELP's layout",
            "it should hold latency/*.pt beside str_arch2idx.pt or arch.pt",
        )
    return (found for path in folders for found in published.from_help(path, parse, skeleton))


def _rows(columns: dict[str, list[Any]]) -> Iterable[dict[str, Any]]:
    return (
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    )


def _columns(path: Path) -> dict[str, list[Any]]:
    try:
        return _READERS[path.suffix](path)
    except OSError as problem:
        raise StoreError(f"cannot read {path}: {problem.strerror or problem}") from None
    except (ValueError, csv.Error) as problem:
        raise StoreError(f"{path} is damaged, or not what its suffix says: {problem}") from None


def _read_csv(path: Path) -> dict[str, list[Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        return _transpose(csv.DictReader(file))


def _read_json(path: Path) -> dict[str, list[Any]]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("expected a list of objects")
    return _transpose(rows)


def _transpose(rows: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    found = list(rows)
    return {name: [row.get(name) for row in found] for name in (found[0] if found else ())}


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    from pyarrow import parquet

    columns: dict[str, list[Any]] = parquet.read_table(path).to_pydict()
    return columns


_READERS = {".csv": _read_csv, ".json": _read_json, ".parquet": _read_parquet}
