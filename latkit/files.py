"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from latkit.errors import LatkitError


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` in one step; raises LatkitError where that fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise LatkitError(f"cannot write {path}: {problem.strerror}") from None
