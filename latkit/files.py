"""Files that appear whole or not at all, and what is nobody else's to read.

What was measured and learned is private: its files and folders are made for their owner alone.
What is there already keeps its permissions, which somebody may have widened on purpose.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from latkit.errors import LatkitError

PRIVATE, SHARED = 0o600, 0o666
"""Permissions of new files; the umask takes from both."""
_PRIVATE_FOLDER = 0o700


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A file beside ``path`` to be written, which takes its place at the end.

    It is new, whatever lies there, and empty. Whatever fails meanwhile is raised, and then nothing
    of it is left. OSError where it cannot take that place.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    create(temporary, PRIVATE if private else SHARED)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write ``content`` to ``path`` in one step; raises LatkitError where that fails."""
    try:
        with replacing(path, private=private) as temporary:
            temporary.write_bytes(content)
    except OSError as problem:
        raise LatkitError(f"cannot write {path}: {problem.strerror}") from None


def create(path: Path, permissions: int = PRIVATE) -> None:
    """Make an empty file; raises FileExistsError where there is anything, a link included."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, permissions))


def append_private(path: Path) -> BinaryIO:
    """The file opened for reading and appending, for its owner alone where it is new."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, PRIVATE), "a+b")


def private_folder(folder: Path) -> None:
    """Make a folder and those above it that are not there, for their owner alone."""
    for each in reversed([folder, *folder.parents]):
        if not each.is_dir():
            each.mkdir(_PRIVATE_FOLDER, exist_ok=True)
