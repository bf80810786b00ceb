"""Arch files: architectures as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from latkit.errors import ArchError, UsageError
from latkit.reading import parse_json
from latkit.spaces import notation
from latkit.subjects import Collection, Subject


def read_archs(text: str, origin: str, get: Callable[[str], Collection]) -> list[Subject]:
    """Architectures of an arch file: one JSON object, a list of them, or JSON lines.

    ``get`` gives the space of a name.

    Raises ArchError saying where in ``origin`` the trouble is.
    """
    if not text.strip():
        raise ArchError(f"{origin} is empty", _ARCH_FILE_HINT)
    return [_read_record(record, where, get) for record, where in _records(text, origin)]


_ARCH_FILE_HINT = 'an arch file looks like {"space": "nb201", "arch": "|nor_conv_3x3~0|+|..."}'


def _records(text: str, origin: str) -> Iterator[tuple[Any, str]]:
    try:
        whole = parse_json(text)
    except ValueError as problem:
        if "\n" not in text.strip():
            raise ArchError(f"{origin} is not JSON: {problem}", _ARCH_FILE_HINT) from None
        yield from _json_lines(text, origin)
        return
    if not isinstance(whole, list):
        yield whole, origin
        return
    if not whole:
        raise ArchError(f"{origin} holds an empty list", _ARCH_FILE_HINT)
    for number, record in enumerate(whole, start=1):
        yield record, f"{origin}, entry {number}"


def _json_lines(text: str, origin: str) -> Iterator[tuple[Any, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except ValueError as problem:
            message = f"{origin}, line {number} is not JSON: {problem}"
            raise ArchError(message, _ARCH_FILE_HINT) from None
        yield record, f"{origin}, line {number}"


def _read_record(record: Any, where: str, get: Callable[[str], Collection]) -> Subject:
    if not isinstance(record, dict):
        kind = type(record).__name__
        raise ArchError(f"{where}: expected an object, found {kind}", _ARCH_FILE_HINT)
    if not isinstance(record.get("space"), str):
        raise ArchError(f"{where}: the key 'space' is missing or not text", _ARCH_FILE_HINT)
    arch = record.get("arch", record.get("index"))
    try:
        return get(record["space"]).parse(notation.text_of(arch))
    except UsageError as problem:
        raise problem.at(where) from None
    except ValueError:
        message = f"{where}: the key 'arch' is missing or names no architecture"
        raise ArchError(message, _ARCH_FILE_HINT) from None
