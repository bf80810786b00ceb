"""Naming a set of measurements: ``rpi4``, ``rpi4@onnxruntime-1.20``, ``rpi4@2026-11-20..``.

A set is a device of the dataset, or a file of measurements, and after an ``@`` conditions that
all must hold, separated by commas:

- a number: that of the condition in ``latkit dataset info``;
- a time or a span of times, in UTC: ``2026-11-20``, ``2026-11-20T14``, ``2026-11-01..2026-11-20``,
  ``..2026-11-20``, ``2026-11-20..``; a span begins with its first moment and ends before its last;
- ``field=value``: a field of the condition, or ``space`` or ``verdict``;
- any other word: a runtime, its version, both (``onnxruntime-1.20``), a precision, a device
  state, a provider, ``tuned``, or a space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from latkit.condition import Condition, Runtime, listed
from latkit.errors import UsageError
from latkit.measurement import Measurement

FIELDS = tuple(Condition("", Runtime("")).values())
SUFFIXES = (".csv", ".json", ".parquet")
TIME = re.compile(r"\d{4}-\d{2}(-\d{2}(T\d{2}(:\d{2}(:\d{2})?)?)?)?")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A measurement and the number of its condition in the dataset.

    None where it is in a file, or the summary of the dataset does not tell of it: its condition was
    stored since, or what was stored first or last under it is damaged.
    """

    measurement: Measurement
    number: int | None


Holds = Callable[[Numbered], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a user named: where to look, and what must hold there."""

    text: str
    source: str
    conditions: tuple[Holds, ...]

    @property
    def is_file(self) -> bool:
        """Whether ``source`` is a file, not a device."""
        return Path(self.source).suffix in SUFFIXES

    def matching(self, found: Sequence[Numbered]) -> list[Numbered]:
        """Those for which every condition holds."""
        return [one for one in found if all(holds(one) for holds in self.conditions)]


def parse(text: str) -> Selection:
    """Raises UsageError saying which condition is none."""
    if "@" not in text or Path(text).suffix in SUFFIXES:
        return Selection(text, text, ())
    source, _, conditions = text.rpartition("@")
    if not (source and conditions):
        raise UsageError(f"{text!r} names no measurements", _HINT)
    words = conditions.split(",")
    return Selection(text, source, tuple(_condition(word.strip()) for word in words))


_HINT = "e.g. rpi4, rpi4@onnxruntime-1.20, rpi4@3, rpi4@2026-11-20.., rpi4@threads=4, export.csv"


def _condition(word: str) -> Holds:
    if "=" in word:
        return _field(word)
    if ".." in word:
        return _span(word)
    if TIME.fullmatch(word):
        return lambda one: one.measurement.measured_at.startswith(word)
    if word.isdecimal():
        return lambda one: str(one.number) == word
    if not word:
        raise UsageError("a condition is empty", _HINT)
    return lambda one: word in _words(one.measurement)


def _span(word: str) -> Holds:
    first, last = word.split("..", maxsplit=1)
    if not (first or last) or not all(TIME.fullmatch(end) for end in (first, last) if end):
        raise UsageError(f"{word!r} is no span of times", "e.g. 2026-11-01..2026-11-20, in UTC")

    def within(one: Numbered) -> bool:
        moment = one.measurement.measured_at  # empty for published labels
        return bool(moment) and first <= moment and (not last or moment < last)

    return within


def _field(word: str) -> Holds:
    name, _, value = word.partition("=")
    if name == "space":
        return lambda one: one.measurement.subject.collection == value
    if name == "verdict":
        return lambda one: one.measurement.verdict.level == value
    if name not in FIELDS:
        raise UsageError(
            f"{name!r} is no field of a condition", f"there are {', '.join(FIELDS)}, space, verdict"
        )
    wanted = value.lower().replace("+", ",")  # a comma would end the condition: affinity=0+1
    return lambda one: written(one.measurement.condition, name).lower() == wanted


def written(condition: Condition, name: str) -> str:
    """One of a condition's values as a person writes it."""
    value = condition.values()[name]
    return listed(value) if name == "affinity" else str(value)


def _words(measurement: Measurement) -> tuple[str, ...]:
    c = measurement.condition
    runtime = c.runtime
    named = (runtime.name, runtime.version, f"{runtime.name}-{runtime.version}", runtime.provider)
    tuned = ("tuned",) if c.state.tuned else ()
    return (*named, c.precision, c.state.label, *tuned, measurement.subject.collection)
