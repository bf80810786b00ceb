"""Reading what strangers wrote: regular files only, so much of them and no more, and plain JSON."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

MIB = 1024 * 1024
MAX_JSON_NESTED = 1_000_000
MAX_JSON_VALUES = 8_000_000
MAX_DIGITS = 40

_KINDS = (
    (stat.S_ISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, "it is a pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISREG, ""),
)


def open_regular(path: Path, most_bytes: int) -> BinaryIO:
    """A regular file of at most so many bytes, opened for reading.

    Raises OSError, whose ``strerror`` says why, for all else: a folder, a device, a pipe, a file
    that is larger.
    """
    # A pipe that nobody writes to would block here.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_regular(os.fstat(descriptor), most_bytes)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """The content of a regular file; raises OSError as ``open_regular`` does."""
    with open_regular(path, most_bytes) as file:
        return _bounded(file, most_bytes)


def read_stdin(most_bytes: int) -> bytes:
    """What comes from standard input; raises OSError where that is more."""
    return _bounded(sys.stdin.buffer, most_bytes)


def parse_json(text: str) -> Any:
    """The value of a JSON text, whose work and memory stay in proportion to a bounded file.

    Raises ValueError where it is none, is nested too deeply, holds too much, has a whole number of
    more digits than any that is meant, or an object with the same key twice.
    """
    nested, values = text.count("{") + text.count("["), text.count(",")
    if nested > MAX_JSON_NESTED or values > MAX_JSON_VALUES:
        raise ValueError("it holds more values than are read")
    try:
        return json.loads(text, parse_int=_whole, object_pairs_hook=_once_each)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def count_of(value: Any) -> int:
    """A count from a JSON document of anybody's; raises ValueError where it is none."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{str(value)[:40]!r} is no count")
    return value


def _require_regular(found: os.stat_result, most_bytes: int) -> None:
    said = next((words for holds, words in _KINDS if holds(found.st_mode)), "it is a device")
    if said:
        raise OSError(errno.EINVAL, said)
    if found.st_size > most_bytes:
        raise _too_large(most_bytes)


def _bounded(file: BinaryIO, most_bytes: int) -> bytes:
    # Files of /proc say that they are empty, and never end.
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise _too_large(most_bytes)
    return content


def _too_large(most_bytes: int) -> OSError:
    size = f"{most_bytes // MIB} MiB" if most_bytes >= MIB else f"{most_bytes // 1024} KiB"
    return OSError(errno.EFBIG, f"it is larger than {size}")


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it holds a number of {len(digits):,} digits")
    return int(digits)


def _once_each(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"an object has the key {key[:40]!r} twice")
        found[key] = value
    return found
