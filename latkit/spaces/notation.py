"""Architectures as people have them besides official strings: numbers, lists, tuples."""

from __future__ import annotations

import re
from typing import Any

MAX_LENGTH = 2_000
_WORD = re.compile(r"[A-Za-z_]\w*|\d+")
_BETWEEN = re.compile(r"[\s,'\"]*")


def text_of(arch: Any) -> str:
    """What JSON has for an architecture as text: a string itself, a whole number, a list.

    Raises ValueError for anything else.
    """
    if isinstance(arch, bool) or not isinstance(arch, str | int | list):
        raise ValueError("not text, a number, or a list")
    return arch if isinstance(arch, str) else str(arch)


def number(text: str) -> int | None:
    """The whole number that a text is; None where it is none."""
    stripped = text.strip()
    return int(stripped) if re.fullmatch(r"[0-9]{1,9}", stripped) else None


def words(text: str) -> list[str] | None:
    """Words and numbers in a list or tuple, however nested; None where the text is no list."""
    stripped = text.strip()
    if len(stripped) > MAX_LENGTH or not re.fullmatch(r"[(\[].*[)\]]", stripped, re.DOTALL):
        return None
    inside = re.sub(r"[()\[\]]", " ", stripped)
    return _WORD.findall(inside) if _BETWEEN.fullmatch(_WORD.sub("", inside)) else None
