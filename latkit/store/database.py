"""Opening the database: connection settings, migrations, and errors that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from latkit.errors import StoreError
from latkit.store import schema

BUSY_TIMEOUT_MS = 30_000


def connect(url: str) -> Engine:
    """An engine on a database that exists and has the newest schema.

    Raises StoreError where it cannot be opened, is damaged, foreign, or newer than this latkit.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError) as problem:
        hint = "sqlite:////home/you/latkit.db or postgresql+psycopg://user@host/latkit"
        raise StoreError(f"{url!r} is not a database URL: {problem}", hint) from None
    except ModuleNotFoundError as problem:
        hint = "pip install 'latkit[postgres]'"
        raise StoreError(f"the database at {url!r} needs {problem.name!r}", hint) from None
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    with translated(engine):
        if _version(engine) != schema.VERSION:
            _migrate(engine)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is committed at the end, or leaves no trace."""
    with translated(engine), engine.connect() as connection:
        connection.execution_options(latkit_writing=True)
        yield connection
        connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent view of the dataset."""
    with translated(engine), engine.connect() as connection:
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn the database's errors into a StoreError that names the place and what to do."""
    try:
        yield
    except SQLAlchemyError as problem:
        words = str(getattr(problem, "orig", None) or problem).splitlines()[0]
        place = engine.url.render_as_string(hide_password=True)
        raise StoreError(f"dataset {place}: {words}", _hint(words)) from problem


_HINTS = {
    "disk is full": "free some space; all measurements stored so far are safe",
    "disk I/O error": "free some space or check the disk; stored measurements are safe",
    "not a database": "LATKIT_DB points at another file, or the file is damaged: restore a backup",
    "malformed": "the file is damaged; 'sqlite3 FILE .recover' saves what can be read",
    "locked": "another latkit is writing for long; try again when it is done",
    "readonly": "make the file and its folder writable, or set LATKIT_DB",
    "unable to open": "make its folder writable, or set LATKIT_DB",
    "onnection": "is the database server running, and reachable from here?",
}


def _hint(words: str) -> str | None:
    return next((hint for sign, hint in _HINTS.items() if sign in words), None)


def _prepare_sqlite(engine: Engine) -> None:
    path = make_url(str(engine.url)).database
    if path and path != ":memory:":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(f"cannot create {Path(path).parent}: {problem.strerror}") from None
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)


def _set_pragmas(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling is switched off in favour of _begin.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that reads first could only fail when it upgrades.
    options = connection.get_execution_options()
    immediate = options.get("latkit_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "latkit.store:migrations")
    config.set_main_option("path_separator", "os")
    with writing(engine) as connection:
        tables = inspect(connection).get_table_names()
        if tables and "alembic_version" not in tables:
            raise StoreError(
                f"{engine.url.render_as_string()} holds another program's tables: {tables[0]}, ...",
                "set LATKIT_DB to a database of latkit's own",
            )
        known = {
            revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()
        }
        current = _current(connection) if tables else None
        if current and current not in known:
            raise StoreError(
                f"the dataset was written by a newer latkit (schema {current})",
                "pip install --upgrade latkit",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
