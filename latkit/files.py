"""Files that appear whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from latkit.errors import LatkitError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to be written, which takes its place at the end.

    Whatever fails meanwhile is raised, and then nothing of it is left. OSError where it cannot take
    that place.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` in one step; raises LatkitError where that fails."""
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as problem:
        raise LatkitError(f"cannot write {path}: {problem.strerror}") from None
