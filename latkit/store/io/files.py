"""Reading whatever file or folder of measurements a person has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from latkit.errors import StoreError, UsageError
from latkit.measurement import Measurement
from latkit.store.io import flat, help_layout, published, record, tabular


def read(
    path: Path,
    *,
    parse: record.Parse,
    parse_any: published.ParseAny,
) -> Iterator[Measurement]:
    """Measurements of a flat file, a wide published table, or folders in HELP's layout.

    Raises UsageError for a form that is not known, StoreError or ArchError where the content is
    wrong, some of them only while the result is iterated.
    """
    if path.is_dir():
        return _read_folder(path, parse_any)
    columns = tabular.read(path)
    if not columns:
        return iter(())  # JSON's empty list
    if "latency_ms" in columns:
        return flat.read(tabular.rows(columns), parse, str(path))
    if "arch" in columns:
        return published.from_columns(columns, parse_any, str(path))
    raise StoreError(
        f"{path} is neither an export nor a table of latencies: it has no column 'arch'",
        "a table has a column 'arch', then one column of milliseconds per device",
    )


def _read_folder(folder: Path, parse: published.ParseAny) -> Iterator[Measurement]:
    try:
        candidates = [folder, *sorted(folder.iterdir())]
    except OSError as problem:
        raise StoreError(f"cannot read {folder}: {problem.strerror}") from None
    folders = [path for path in candidates if help_layout.is_help(path)]
    if not folders:
        raise UsageError(
            f"{folder} is not in HELP's layout",
            "it should hold latency/*.pt beside str_arch2idx.pt or arch.pt",
        )
    return (found for path in folders for found in help_layout.read(path, parse))
