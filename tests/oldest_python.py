"""The oldest Python here that may run what latkit puts on a device: 3.8, or the nearest to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROMISED = 8
"""Of Python 3."""


@dataclass(frozen=True)
class Python:
    path: str
    version: str


@cache
def oldest() -> Python:
    """``LATKIT_RUNNER_PYTHON``, or the first of those that run; at last the one of the tests."""
    found = (Python(path, version) for path in _candidates() if (version := _version(path)))
    return next(found)


def _candidates() -> Iterator[str]:
    if named := os.environ.get("LATKIT_RUNNER_PYTHON"):
        yield named
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(PROMISED, sys.version_info.minor):
        yield f"python3.{minor}"
        yield from map(str, sorted(pyenv.glob(f"3.{minor}.*/bin/python3")))
    yield sys.executable


def _version(path: str) -> str | None:
    """None where it does not run, as a shim of pyenv's for a version that is not chosen."""
    try:
        script = "import platform; print(platform.python_version())"
        done = subprocess.run([path, "-c", script], capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
