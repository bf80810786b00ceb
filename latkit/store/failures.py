"""The database's errors as a StoreError that says where, what, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from latkit.errors import StoreError

_FULL = ("has no room: the disk is full", "free some space; what was stored so far is safe")
_DAMAGED = (
    "is damaged, or was cut short",
    "restore a copy, or 'sqlite3 FILE .recover' to save what can be read; "
    "move it away to begin a new one",
)
_UNREACHABLE = (
    "cannot be reached",
    "is the server running, and are host, port, user and password in LATKIT_DB right?",
)
_BUSY = ("is held by another process that has been writing for long", "try again when it is done")
_LOCKLESS = (
    "is on a file system without working file locks",
    "keep it on a local disk (LATKIT_DATA_DIR), or in PostgreSQL (LATKIT_DB)",
)
_NO_LOCKS = (
    *("SQLITE_PROTOCOL", "SQLITE_NOLFS", "SQLITE_IOERR_LOCK", "SQLITE_IOERR_RDLOCK"),
    *("SQLITE_IOERR_UNLOCK", "SQLITE_IOERR_CHECKRESERVEDLOCK", "SQLITE_IOERR_SHM"),
)
"""How SQLite calls it that the file system refuses a lock, or memory shared through a file."""
_EXPLANATIONS = (
    *((sign, _LOCKLESS) for sign in ("locking protocol", *_NO_LOCKS)),
    ("disk is full", _FULL),
    ("No space left", _FULL),
    (
        "disk I/O error",
        ("cannot be read or written", "is the disk full or failing? stored measurements are safe"),
    ),
    (
        "not a database",
        ("is another kind of file", "set LATKIT_DB to sqlite:////path/to/latkit.db"),
    ),
    *((sign, _DAMAGED) for sign in ("malformed", "no such table", "no such column")),
    ("database is locked", _BUSY),
    ("lock timeout", _BUSY),
    (
        "readonly database",
        ("is read-only", "make the file and its folder writable, or set LATKIT_DB"),
    ),
    (
        "unable to open database file",
        ("cannot be opened", "is it a file, in a folder that you may write to? see LATKIT_DB"),
    ),
    ("connection is bad", _UNREACHABLE),
    ("connection failed", _UNREACHABLE),
    ("connection timeout", _UNREACHABLE),
    ("server closed the connection", _UNREACHABLE),
    ("terminating connection", _UNREACHABLE),
    ("the connection is lost", _UNREACHABLE),
)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Let no error of the database or its driver out but as a StoreError about ``place``."""
    try:
        yield
    except SQLAlchemyError as problem:
        cause = getattr(problem, "orig", None) or problem
        name = getattr(cause, "sqlite_errorname", "")  # not before Python 3.11
        words = f"{name}: {cause}" if name.startswith(_NO_LOCKS) else str(cause)
        raise explained(place, words) from problem
    except UnicodeDecodeError as problem:
        # sqlite3 cannot even tell what is wrong where names in the schema are scribbled over.
        raise explained(place, f"malformed: {problem}") from problem
    except (OverflowError, UnicodeEncodeError) as problem:
        raise StoreError(f"the dataset {place} cannot hold a value: {problem}") from problem


def place(url: URL) -> str:
    """Where a dataset is, for messages: a file, or a server without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    plain = url.set(drivername=url.get_backend_name(), query={})
    return plain.render_as_string(hide_password=True)


def explained(place: str, words: str) -> StoreError:
    """The error that the database's own words stand for."""
    for sign, (what, hint) in _EXPLANATIONS:
        if sign in words:
            return StoreError(f"the dataset {place} {what} ({_first_line(words)})", hint)
    return StoreError(f"the dataset {place} refused: {_first_line(words)}")


def _first_line(words: str) -> str:
    return next(iter(words.splitlines()), "no reason given")
