"""Opening the database, and its two kinds of transaction."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SAWarning

from latkit.errors import StoreError
from latkit.store import dialect
from latkit.store.failures import place, translated


def url_of(where: str | Path) -> URL:
    """The URL of a SQLite file, whatever characters its name has, or what a text says.

    Raises StoreError where the text is no URL.
    """
    if isinstance(where, Path):
        return URL.create("sqlite", database=str(where.absolute()))
    try:
        return make_url(where)
    except (ArgumentError, ValueError):
        # The URL is not repeated: it may hold a password.
        raise StoreError(
            "LATKIT_DB is not a database URL",
            "it looks like sqlite:////path/to/latkit.db or postgresql://user@host/database",
        ) from None


def connect(where: str | Path) -> Engine:
    """An engine on the database in a SQLite file, or at a SQLAlchemy URL.

    Raises StoreError where the URL is none, or names a system that is not supported.
    """
    url = url_of(where)
    try:
        with translated(place(url)), warnings.catch_warnings():
            warnings.simplefilter("error", SAWarning)
            return dialect.engine(url)
    except (ArgumentError, ValueError, TypeError, SAWarning):
        raise StoreError(
            f"LATKIT_DB asks {place(url)} for what it does not know",
            "leave out what stands behind the ? in it",
        ) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the dataset."""
    with translated(place(engine.url)), engine.connect() as connection:
        dialect.begin(connection, writing=False)
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction as the only writer, which is committed whole or leaves no trace."""
    with translated(place(engine.url)), engine.connect() as connection:
        dialect.begin(connection, writing=True)
        yield connection
        connection.commit()
