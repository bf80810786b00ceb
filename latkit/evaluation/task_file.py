"""A task as a JSON file: written whole or not at all, validated when it is read."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latkit import spaces
from latkit.errors import StoreError, UsageError
from latkit.evaluation.tasks import MIN_SOURCES, Task
from latkit.files import private_folder, replacing

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_FORM = 'a task is {"name": ..., "space": ..., "sources": [DEVICE, ...], "targets": [DEVICE, ...]}'


def check_name(name: str) -> str:
    """The name, where it can be one of a task and of a file; else raises UsageError."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a task",
            "up to 40 letters, digits, '-', '_' and '.', beginning with a letter or digit",
        )
    return name


def write(task: Task, path: Path) -> None:
    """Write a task; raises StoreError where that fails, and then leaves nothing behind."""
    text = json.dumps(asdict(task), indent=2) + "\n"
    try:
        private_folder(path.parent)
        with replacing(path, private=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise StoreError(f"cannot write {path}: {problem.strerror}") from None


def read(path: Path) -> Task:
    """Read a task; raises UsageError naming the file and what is wrong in it."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return _task(record, path.stem)
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}") from None
    except (ValueError, RecursionError) as problem:
        raise UsageError(f"{path} is no task: {problem}", f"mend or delete it; {_FORM}") from None
    except UsageError as problem:
        message = f"{path} is no task: {problem.message}"
        raise UsageError(message, f"mend or delete it; {_FORM}") from None


def _task(record: Any, name: str) -> Task:
    if not isinstance(record, dict) or record.keys() != {"name", "space", "sources", "targets"}:
        raise ValueError("it must have the keys name, space, sources and targets, and no others")
    if record["name"] != name:
        raise ValueError(f"the name in it is not that of the file, {name!r}")
    space = spaces.get(str(record["space"])).name
    sources, targets = (_devices(record, side) for side in ("sources", "targets"))
    if len(sources) < MIN_SOURCES or not targets:
        raise ValueError(f"it needs at least {MIN_SOURCES} sources and a target")
    if set(sources) & set(targets):
        raise ValueError(f"sources and targets share {', '.join({*sources} & {*targets})}")
    return Task(check_name(name), space, sources, targets)


def _devices(record: dict[str, Any], side: str) -> tuple[str, ...]:
    found = record[side]
    if not isinstance(found, list) or not all(isinstance(name, str) and name for name in found):
        raise ValueError(f"{side} must be a list of device names")
    if len(set(found)) < len(found):
        raise ValueError(f"{side} names a device twice")
    return tuple(found)
