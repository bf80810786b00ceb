"""CSV as people have it: commas, semicolons or tabs, any byte-order mark, decimal commas."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from latkit.csv_cells import restored
from latkit.reading import MIB, read_bytes

MAX_BYTES = 64 * MIB
MAX_LINES = 2_000_000

# UTF-8 is the rule; spreadsheets put a mark before the first column's name, or write UTF-16.
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FRACTION = re.compile(r"\s*[+-]?\d*([.,])\d+([eE][+-]?\d+)?\s*")


def lines(path: Path) -> Iterator[list[str]]:
    """The header, then all other lines, equally long; blank ones are left out.

    Raises OSError, ValueError or csv.Error where it cannot be read.
    """
    text = _decoded(read_bytes(path, MAX_BYTES))
    delimiter = _delimiter(text)
    decimals: dict[str, int] = {}
    found = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = next(found, [])
    if not header:
        raise ValueError("it has no columns")
    yield [restored(name.strip()) for name in header]
    for line in found:
        if found.line_num > MAX_LINES:
            raise ValueError(f"it has more than {MAX_LINES:,} lines")
        if not line:
            continue
        if len(line) != len(header):
            raise ValueError(
                f"line {found.line_num} has {len(line)} cells, the header {len(header)}"
            )
        if delimiter != ",":
            line = [_with_point(cell, found.line_num, decimals) for cell in line]
        yield [restored(cell) for cell in line]


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8-sig")
    return content.decode(encoding)


def _delimiter(text: str) -> str:
    header = text[: text.find("\n")] if "\n" in text else text
    return next((sign for sign in "\t;" if sign in header), ",")


def _with_point(cell: str, line: int, decimals: dict[str, int]) -> str:
    """A number with a decimal comma as Python writes it.

    ``decimals`` tells in which line either sign came first. Raises ValueError where both do: the
    point may part thousands.
    """
    if not (fraction := _FRACTION.fullmatch(cell)):
        return cell
    decimals.setdefault(fraction[1], line)
    if len(decimals) > 1:
        raise ValueError(
            f"line {decimals[',']} has a decimal comma, line {decimals['.']} a point: write all "
            "numbers with a point, and no thousands apart"
        )
    return cell.replace(",", ".")
