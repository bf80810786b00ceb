"""Parquet, of which a few bytes may stand for billions of numbers: judged before it is unpacked.

pyarrow ends the process that it runs in on some damaged files, for one where levels and their
histogram disagree. So another process reads a file first.
"""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from latkit.reading import MIB, open_regular

MAX_BYTES = 512 * MIB
MAX_ROWS = 2_000_000
MAX_UNPACKED_BYTES = 512 * MIB
MAX_TEXT_BYTES = 128 * 1024
BATCH_BYTES = 16 * MIB
"""So much is unpacked at a time, as far as the file tells the truth about itself."""
MAX_BATCH_ROWS = 1_000
_NUMBER_BYTES = 8


def lines(path: Path) -> Iterator[list[Any]]:
    """The names of the columns, then all rows; raises OSError or ValueError where it cannot."""
    import pyarrow as pa

    _require_survivor(path)
    try:
        yield from _lines(path)
    except pa.ArrowException as problem:
        raise ValueError(str(problem)) from None


_TRIAL = f"""
import sys
sys.path[:] = sys.argv[2:]
from pathlib import Path
from {__name__} import exhaust
exhaust(Path(sys.argv[1]))
"""
_SURVIVED = (0, 1)  # 1: Python says why not


def _require_survivor(path: Path) -> None:
    """Raises ValueError where reading the file ends the process that reads."""
    found = path.stat()
    if not _survived(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns):
        raise ValueError("pyarrow crashes on it")


@lru_cache(maxsize=16)  # an import reads its files twice
def _survived(path: Path, *_as_it_is: int) -> bool:
    command = [sys.executable, "-c", _TRIAL, str(path), *sys.path]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode
    return ended in _SURVIVED


def exhaust(path: Path) -> None:
    """Read all rows."""
    deque(_lines(path), maxlen=0)


def _lines(path: Path) -> Iterator[list[Any]]:
    from pyarrow import parquet

    # Opened here: pyarrow itself would take a folder or a URL too. Without its threads, as a
    # process that ends while they are being started is aborted.
    with open_regular(path, MAX_BYTES) as file:
        about = parquet.read_metadata(file)
        rows_at_once = _rows_at_once(about)
        file.seek(0)
        # Texts that repeat stay stored once each, however many rows refer to them.
        source = parquet.ParquetFile(
            file, metadata=about, pre_buffer=False, buffer_size=MIB, read_dictionary=_texts(about)
        )
        if not source.schema_arrow.names:
            raise ValueError("it has no columns")
        yield list(source.schema_arrow.names)
        for batch in source.iter_batches(rows_at_once, use_threads=False):
            yield from _rows(batch)


def _rows_at_once(about: Any) -> int:
    """How many rows may be unpacked together; raises ValueError where the whole is too large."""
    chunks = [
        about.row_group(group).column(column)
        for group in range(about.num_row_groups)
        for column in range(about.num_columns)
    ]
    # Of equal numbers one is stored, with how often it comes.
    numbers = sum(_NUMBER_BYTES * chunk.num_values for chunk in chunks)
    unpacked = max(numbers, sum(chunk.total_uncompressed_size for chunk in chunks))
    if about.num_rows > MAX_ROWS:
        raise ValueError(f"it has {about.num_rows:,} rows, more than {MAX_ROWS:,}")
    if unpacked > MAX_UNPACKED_BYTES:
        raise ValueError(f"it unpacks to more than {MAX_UNPACKED_BYTES // MIB} MiB")
    per_row: int = unpacked // max(1, about.num_rows) + 1
    return max(1, min(MAX_BATCH_ROWS, BATCH_BYTES // per_row))


def _texts(about: Any) -> list[str]:
    columns = [about.schema.column(number) for number in range(len(about.schema))]
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _rows(batch: Any) -> Iterator[list[Any]]:
    import pyarrow as pa
    from pyarrow import compute

    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and len(column.dictionary):
            longest = compute.max(compute.binary_length(column.dictionary)).as_py()
            if longest and longest > MAX_TEXT_BYTES:
                raise ValueError(f"it has a cell of more than {MAX_TEXT_BYTES // 1024} KiB")
    columns = [column.to_pylist() for column in batch.columns]
    for cells in zip(*columns, strict=True):
        yield list(cells)
