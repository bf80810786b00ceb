"""Options of a macro skeleton, and the short names that stand for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from latkit.errors import UnknownNameError, UsageError


def read_skeleton(
    space: str, defaults: Mapping[str, int], given: Mapping[str, int]
) -> dict[str, int]:
    """``defaults`` overridden by ``given``; raises UsageError on a bad name or value."""
    for name, value in given.items():
        if name not in defaults:
            raise UnknownNameError(f"{space} skeleton option", name, defaults)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{space} skeleton: {name} must be a whole number >= 1, not {value!r}")
    return {**defaults, **given}


def skeleton_id(
    letters: Mapping[str, str],
    completed: Callable[[Mapping[str, int]], Mapping[str, int]],
    options: Mapping[str, int],
) -> str:
    """What is unusual, as ``c8-n1``; nothing where all is as usual.

    ``completed`` adds the usual options to those given, of which some may depend on others.
    """
    unusual: dict[str, int] = {}
    for name in letters:
        if completed(unusual)[name] != options[name]:
            unusual[name] = options[name]
    return "-".join(f"{letters[name]}{value}" for name, value in unusual.items())


def read_skeleton_id(space: str, letters: Mapping[str, str], text: str) -> dict[str, int]:
    """Inverse of ``skeleton_id``; raises UsageError where a part stands for no option."""
    names = {letter: name for name, letter in letters.items()}
    found: dict[str, int] = {}
    for part in text.split("-"):
        match = re.fullmatch(r"([a-z]+)([1-9]\d{0,8})", part)
        if not match or match[1] not in names or names[match[1]] in found:
            known = ", ".join(f"{letter} ({name})" for name, letter in letters.items())
            raise UsageError(
                f"{part!r} in {space}:{text} is no option of {space}'s skeleton",
                f"there are {known}, each once and with a number" if known else "there are none",
            )
        found[names[match[1]]] = int(match[2])
    return found
