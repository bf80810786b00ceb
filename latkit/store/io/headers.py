"""What the header of a column of latencies says: the device, and perhaps the unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from latkit.condition import device_name
from latkit.errors import UnknownNameError, UsageError

Unit = Literal["ms", "s", "us", "ns"]
UNITS: tuple[Unit, ...] = get_args(Unit)
MS: dict[Unit, float] = {"ms": 1.0, "s": 1e3, "us": 1e-3, "ns": 1e-6}
"""Milliseconds in one of each unit."""

_SPELLINGS: dict[str, Unit] = {
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), "ns"),
}
_WORDS = "|".join(sorted(_SPELLINGS, key=len, reverse=True))
# rpi4 (s), rpi4 [us], rpi4_ms, rpi4 ms
_WITH_UNIT = re.compile(rf"(.*[^\s_(\[])[\s_]*(?:[(\[]\s*({_WORDS})\s*[)\]]|[\s_]({_WORDS}))", re.I)


@dataclass(frozen=True, slots=True)
class Taken:
    """Which columns of a table are latencies, in which unit those that do not say; of what space.

    ``columns`` are headers, or devices as headers name them; none stand for all. ``space`` is that
    of architectures which do not tell.
    """

    columns: Sequence[str] = ()
    unit: Unit | None = None
    space: str | None = None

    def headers(self, found: Sequence[str]) -> list[str]:
        """Those of the headers that are taken; raises UnknownNameError for one there is not."""
        if not self.columns:
            return list(found)
        known = {name: header for header in found for name in (device_of(header), header)}
        for name in self.columns:
            if name not in known:
                raise UnknownNameError("column", name, found)
        return list(dict.fromkeys(known[name] for name in self.columns))

    def device(self, header: str) -> tuple[str, Unit]:
        """Device and unit of a column.

        Raises UsageError where it cannot be a device's name, or says another unit than is asked.
        """
        text, said = _split(header)
        if said and self.unit and said != self.unit:
            raise UsageError(f"the column {header!r} says {said}, not {self.unit}")
        try:
            return device_name(text), said or self.unit or "ms"
        except UsageError as problem:
            raise UsageError(
                f"a column's header names its device: {problem.message}",
                f"{problem.hint}; or import the others alone: --columns NAMES",
            ) from None


EVERYTHING = Taken()


def device_of(header: str) -> str:
    """The device that a header names, without its unit."""
    return _split(header)[0]


def _split(header: str) -> tuple[str, Unit | None]:
    if found := _WITH_UNIT.fullmatch(header.strip()):
        return found[1], _SPELLINGS[(found[2] or found[3]).lower()]
    return header.strip(), None
