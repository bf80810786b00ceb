"""Reading the options of a macro skeleton."""

from __future__ import annotations

from collections.abc import Mapping

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
