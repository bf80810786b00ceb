"""Opening the database, and its two kinds of transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from latkit.errors import StoreError
from latkit.store import dialect
from latkit.store.failures import place, translated


def connect(url: str) -> Engine:
    """An engine on the database at a SQLAlchemy URL.

    Raises StoreError where the URL is none, or names a system that is not supported.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The URL is not repeated: it may hold a password.
        raise StoreError(
            "LATKIT_DB is not a database URL",
            "it looks like sqlite:////path/to/latkit.db or postgresql://user@host/database",
        ) from None
    with translated(place(parsed)):
        return dialect.engine(parsed)


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
