"""All that differs between database systems; SQL of a single one appears nowhere else.

Both systems behave alike here: a writer waits until it is the only one, so that what it looked
up still holds when it inserts; a reader never waits.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from os import SEEK_END
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from latkit.errors import MissingDependency, StoreError
from latkit.files import create, private_folder
from latkit.store.failures import explained

BUSY_TIMEOUT_S = 30
"""So long a writer waits for its turn, and no longer."""
CONNECT_TIMEOUT_S = 10
# Any number will do, as long as no other program on the same database locks the same one.
_WRITER_LOCK = 0x6C61746B6974


def engine(url: URL) -> Engine:
    """An engine for SQLite or PostgreSQL; raises StoreError for another system."""
    system = url.get_backend_name()
    if system == "sqlite":
        return _sqlite(url)
    if system in ("postgresql", "postgres"):
        return _postgresql(url)
    raise StoreError(
        f"a dataset cannot be kept in {system}",
        "LATKIT_DB is sqlite:////path/to/latkit.db or postgresql://user@host/database",
    )


def begin(connection: Connection, *, writing: bool) -> None:
    """Begin a transaction: a consistent view, or the right to be the only writer."""
    if connection.dialect.name == "sqlite":
        # A transaction that reads first and then writes can be refused without any waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
    elif writing:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, int(BUSY_TIMEOUT_S * 1000))}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def let_readers_in(engine: Engine) -> None:
    """Make readers and the writer independent; kept in the database, so needed only once."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def _sqlite(url: URL) -> Engine:
    # isolation_level None: transactions are begun by ``begin``, never by the driver.
    options: dict[str, Any] = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None}
    opened = url.set(drivername="sqlite")
    if url.database and url.database != ":memory:" and "uri" not in url.query:
        path = Path(url.database)
        _make_room(path)
        _refuse_cut_short(path)
        if _only_readable(path):
            return create_engine(opened, creator=lambda: _reading_connection(path, options))
    made = create_engine(opened, connect_args=options)
    event.listen(made, "connect", _set_pragmas)
    return made


def _only_readable(path: Path) -> bool:
    """Whether a dataset that is there can be read, but not written beside."""
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _reading_connection(path: Path, options: dict[str, Any]) -> sqlite3.Connection:
    # SQLite wants to write even to read, unless it is told that nobody else does: which is so
    # where no log of a writer lies beside it.
    log = path.with_name(f"{path.name}-wal")
    alone = "" if log.exists() and log.stat().st_size else "&immutable=1"
    name = f"{path.absolute().as_uri()}?mode=ro{alone}"
    made: sqlite3.Connection = sqlite3.connect(name, uri=True, check_same_thread=False, **options)
    _read_any_text(made)
    return made


def _read_any_text(connection: Any) -> None:
    # Bytes that are no UTF-8 spoil their row, not the whole query.
    connection.text_factory = lambda content: content.decode("utf-8", "replace")


def _make_room(path: Path) -> None:
    """A new database is made here, for SQLite gives its helpers the permissions that it has."""
    try:
        private_folder(path.parent)
    except OSError as problem:
        raise StoreError(
            f"cannot create {path.parent} for the dataset: {problem.strerror}",
            "set LATKIT_DATA_DIR or LATKIT_DB to a place that you may write to",
        ) from None
    with suppress(OSError):  # it is there, or SQLite will say what is wrong
        create(path)


def _refuse_cut_short(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise explained(str(path), "unable to open database file: it is no file")
    # SQLite notices missing pages by itself, but fills a last page that was cut up with zeros.
    try:
        with path.open("rb") as file:
            header = file.read(18)
            length = file.seek(0, SEEK_END)
    except OSError:
        return  # it is new, or SQLite will say what is wrong
    page_bytes = int.from_bytes(header[16:], "big")
    if header.startswith(b"SQLite format 3\0") and page_bytes > 1 and length % page_bytes:
        raise explained(str(path), "malformed: its last page is incomplete")


def _set_pragmas(connection: Any, _record: Any) -> None:
    _read_any_text(connection)
    connection.execute("PRAGMA foreign_keys=ON")
    # With WAL alone, a power cut could take the measurements of the last seconds.
    connection.execute("PRAGMA synchronous=FULL")


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
            # After waiting for its turn a writer must see what others stored meanwhile.
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
        )
    except ModuleNotFoundError:
        raise MissingDependency("psycopg", "postgres", "a dataset in PostgreSQL") from None
