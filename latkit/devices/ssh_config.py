"""The user's ssh configuration as text, with its ``Include`` lines resolved.

Read here without paramiko, because listing devices must stay quick; interpreting the text is
the ssh transport's work.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from latkit.errors import UsageError

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
_MAX_INCLUDE_DEPTH = 16  # as in OpenSSH
_KEYWORD = re.compile(r"^\s*(?P<keyword>\w+)(?:\s*=\s*|\s+)(?P<value>.*?)\s*$")


def override() -> Path | None:
    """The file that ``LATKIT_SSH_CONFIG`` names; like ``ssh -F`` it replaces all others."""
    own = os.environ.get("LATKIT_SSH_CONFIG")
    return Path(own).expanduser() if own else None


def read() -> str:
    """The user's configuration followed by the system's, every ``Include`` replaced by its text.

    Raises UsageError where a file that is there cannot be read.
    """
    own = override()
    files = [own] if own else [Path.home() / ".ssh" / "config", SYSTEM_CONFIG]
    lines: list[str] = []
    for file in files:
        lines += ["Host *", *_expanded(file, depth=0)]
    return "\n".join(lines) + "\n"


def host_names() -> set[str]:
    """Names that stand in ``Host`` lines without a wildcard, so that ``ssh NAME`` means them."""
    found: set[str] = set()
    for line in read().splitlines():
        keyword, value = _split(line)
        if keyword == "host":
            found.update(re.sub(r'"', "", value).split())
    return {name for name in found if not set(name) & set("*?!")}


def _expanded(file: Path, depth: int) -> Iterator[str]:
    if depth > _MAX_INCLUDE_DEPTH:
        raise UsageError(f"{file}: ssh configuration files include one another too deeply")
    section = "Host *"
    for line in _lines(file):
        keyword, value = _split(line)
        if keyword == "include":
            for included in _included(value, file):
                yield from _expanded(included, depth + 1)
            # The section that an included file ended in must not swallow what follows here.
            yield section
            continue
        if keyword in ("host", "match"):
            section = line
        yield line


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as problem:
        raise UsageError(f"cannot read the ssh configuration {file}: {problem.strerror}") from None


def _split(line: str) -> tuple[str, str]:
    match = _KEYWORD.match(line)
    if match is None or line.lstrip().startswith("#"):
        return "", ""
    return match["keyword"].lower(), match["value"]


def _included(patterns: str, file: Path) -> list[Path]:
    base = Path("/etc/ssh") if file.is_relative_to("/etc/ssh") else Path.home() / ".ssh"
    found: list[Path] = []
    for pattern in re.sub(r'"', "", patterns).split():
        # An absolute pattern replaces the base when joined.
        found += map(Path, sorted(glob.glob(str(base / Path(pattern).expanduser()))))  # noqa: PTH207
    return found
