"""What runs on a device, as the host has it: the folder ``runners``, and a runtime's own files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import latkit
from latkit.devices.runtimes import RUNTIMES
from latkit.errors import LatkitError


def runner_dir() -> Path:
    """Where latkit's own are: in the wheel, or beside the package in a checkout."""
    package = Path(latkit.__file__).parent
    installed = package / "_runners"
    return installed if installed.is_dir() else package.parent / "runners"


def runner_file(name: str) -> Path:
    """One of latkit's own, e.g. ``probe.py``."""
    return runner_dir() / name


def runner_files(runtime: str) -> dict[str, Path]:
    """All that a device needs for a runtime, by its name there.

    Raises UnknownNameError for an unknown runtime, LatkitError where another package's files would
    take the place of latkit's own or lack the one that is needed.
    """
    own = {file.name: file for file in sorted(runner_dir().glob("*.py"))}
    brought = {file.name: file for file in map(runner_dir().joinpath, RUNTIMES.get(runtime).files)}
    if taken := [name for name, file in brought.items() if own.get(name, file) != file]:
        raise _misnamed(runtime, f"brings a file {taken[0]}, which latkit has itself")
    if (needed := f"runtime_{runtime}.py") not in brought:
        raise _misnamed(runtime, f"brings no file {needed}")
    return own | brought


def _misnamed(runtime: str, what: str) -> LatkitError:
    return LatkitError(f"the runtime {runtime!r} {what}", "mend the package that brings it")


def digest(file: Path) -> str:
    """SHA-256 of a file, hex."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as problem:
        raise LatkitError(
            f"cannot read {file}: {problem.strerror}", "install latkit anew"
        ) from None


def runner_digest(runtime: str) -> str:
    """SHA-256 over all that a device is given for a runtime, hex."""
    total = hashlib.sha256()
    for name, file in runner_files(runtime).items():
        total.update(f"{name}\0{digest(file)}\0".encode())
    return total.hexdigest()
