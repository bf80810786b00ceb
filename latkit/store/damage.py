"""Rows of the dataset that hold what latkit never wrote: left out, and told once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

from sqlalchemy import RowMapping

from latkit.errors import LeftOut, StoreError


@contextmanager
def leaving_out(place: str) -> Iterator[list[StoreError]]:
    """A list for the faults of rows that are left out; at the end a LeftOut warning tells them."""
    found: list[StoreError] = []
    yield found
    if found:
        rows = "a damaged row" if len(found) == 1 else f"{len(found):,} damaged rows"
        warnings.warn(f"left out {rows} of {place}: {found[0].message}", LeftOut, stacklevel=2)


def require_texts(row: RowMapping, names: tuple[str, ...], what: str) -> None:
    """Raise StoreError where one of the columns holds no text."""
    _require(row, names, what, lambda value: isinstance(value, str))


def require_counts(row: RowMapping, names: tuple[str, ...], what: str) -> None:
    """Raise StoreError where one of the columns holds no whole number from 0."""
    _require(row, names, what, lambda value: isinstance(value, int) and value >= 0)


def require_figures(row: RowMapping, names: tuple[str, ...], what: str) -> None:
    """Raise StoreError where one of the columns is neither empty nor a finite number."""
    _require(row, names, what, lambda value: value is None or is_figure(value))


def is_figure(value: Any) -> bool:
    """Whether a value of the database is a finite number."""
    return isinstance(value, int | float) and isfinite(value)


def _require(row: RowMapping, names: tuple[str, ...], what: str, holds: Any) -> None:
    for name in names:
        if not holds(row[name]):
            raise StoreError(f"{what} is damaged: {name} is {str(row[name])[:40]!r}")
