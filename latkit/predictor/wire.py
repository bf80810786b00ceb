"""Messages of Protocol Buffers, as far as reading an ONNX file needs them.

The package ``onnx`` would take a third of the time that a prediction has.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

MAX_PARTS = 10_000
MAX_NUMBERS = 1024
"""So many values a message has at most, and numbers a field: small files can hold many millions."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT_BYTES = 10
_SIGN, _RANGE = 1 << 63, 1 << 64

Message = dict[int, list["int | memoryview"]]
"""The values of every field by its number: whole numbers, or bytes that mean what the field says.
"""


def message(content: memoryview, most: int = MAX_PARTS) -> Message:
    """The fields of a message of so many values at most; raises ValueError where it is none."""
    found: Message = {}
    at, end = 0, len(content)
    for _ in range(most + 1):
        if at == end:
            return found
        tag, at = _varint(content, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = _varint(content, at)
            found.setdefault(tag >> 3, []).append(value)
            continue
        length, at = (_FIXED[kind], at) if kind in _FIXED else _length(content, at, kind)
        if length > end - at:
            raise ValueError("it is cut short")
        found.setdefault(tag >> 3, []).append(content[at : at + length])
        at += length
    raise ValueError("it has more parts than any of latkit's")


def _length(content: memoryview, at: int, kind: int) -> tuple[int, int]:
    if kind != BYTES:
        raise ValueError("it is no message of Protocol Buffers")
    return _varint(content, at)


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    if at < len(content) and content[at] < 128:
        return content[at], at + 1
    value = 0
    for shift, byte in enumerate(content[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value % _RANGE, at + shift + 1
    raise ValueError("it is cut short")


def submessages(of: Message, field: int, most: int = MAX_PARTS) -> Iterator[Message]:
    """The messages in a field; raises ValueError where it holds something else."""
    return (message(part, most) for part in parts(of, field))


def parts(of: Message, field: int) -> list[memoryview]:
    """The byte strings in a field; raises ValueError where it holds something else."""
    values = of.get(field, [])
    found = [value for value in values if isinstance(value, memoryview)]
    if len(found) < len(values):
        raise ValueError("a field is of another kind")
    return found


def part(of: Message, field: int) -> memoryview:
    """The one byte string in a field, empty where there is none; ValueError where there are more.

    A reader of Protocol Buffers would take the last of several, or all of them as one.
    """
    found = parts(of, field)
    if len(found) > 1:
        raise ValueError("a field is there twice")
    return found[0] if found else memoryview(b"")


def text(of: Message, field: int) -> str:
    """The same as text; UnicodeDecodeError, which is a ValueError, where it is none."""
    return str(part(of, field), "utf-8")


def numbers(of: Message, field: int) -> tuple[int, ...]:
    """The signed whole numbers in a field, one by one or packed; ValueError where they are many."""
    found: list[int] = []
    for value in of.get(field, []):
        found.extend([value] if isinstance(value, int) else islice(_packed(value), MAX_NUMBERS + 1))
        if len(found) > MAX_NUMBERS:
            raise ValueError("a field has more numbers than any of latkit's")
    return tuple(value - _RANGE if value >= _SIGN else value for value in found)


def number(of: Message, field: int) -> int:
    """The one number in a field, 0 where there is none; ValueError where there are more."""
    found = numbers(of, field)
    if len(found) > 1:
        raise ValueError("a field is there twice")
    return found[0] if found else 0


def _packed(content: memoryview) -> Iterator[int]:
    at = 0
    while at < len(content):
        value, at = _varint(content, at)
        yield value
