"""Reading whatever file or folder of measurements a person has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from latkit.errors import StoreError, UsageError
from latkit.measurement import Measurement
from latkit.store.io import flat, help_layout, published, record, tabular
from latkit.store.io.headers import EVERYTHING, Taken
from latkit.store.io.refusal import Refuse, raising


def read(
    path: Path,
    *,
    parse: record.Parse,
    parse_any: published.ParseAny,
    taken: Taken = EVERYTHING,
    refuse: Refuse = raising,
) -> Iterator[Measurement]:
    """Measurements of a flat file, a wide published table, or folders in HELP's layout.

    ``taken`` says which columns of a table are latencies, and in which unit; ``refuse`` is told of
    every row that is wrong, which is then left out.

    Raises UsageError for a form that is not known, StoreError or ArchError where the content is
    wrong, some of them only while the result is iterated.
    """
    if path.is_dir():
        return _read_folder(path, parse_any, taken, refuse)
    names, lines = tabular.lines(path)
    if "latency_ms" in names:
        _require_plain(taken, path)
        flat.require_columns(names, str(path))
        rows = (dict(zip(names, line, strict=True)) for line in lines)
        return flat.read(rows, parse, str(path), refuse)
    columns = tabular.columns(names, lines, path)
    if not columns:
        return iter(())  # JSON's empty list
    return published.from_columns(columns, parse_any, str(path), taken, refuse)


def _require_plain(taken: Taken, path: Path) -> None:
    if taken != EVERYTHING:
        raise UsageError(
            f"{path} is an export, which says itself what is in it",
            "leave --columns, --unit and --space out: they are for tables of latencies",
        )


def _read_folder(
    folder: Path, parse: published.ParseAny, taken: Taken, refuse: Refuse
) -> Iterator[Measurement]:
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
    return (found for path in folders for found in help_layout.read(path, parse, taken, refuse))
