"""Comparing two sets of measurements that a user names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latkit.analysis.compare import Comparison, compare
from latkit.config import database_url
from latkit.errors import UnknownNameError, UsageError
from latkit.lab.dataset import read_file
from latkit.lab.selection import FIELDS, Numbered, Selection, parse
from latkit.measurement import Arch, Measurement, Setting
from latkit.store import Store

MANY_TIMES = 2.0
"""From here on a ratio is told as so many times, below it in percent."""
SHOWN = 8
"""How many settings an error message lists."""
ORDERS = ((0.95, "the order is the same"), (0.8, "the order is nearly the same"))


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """The newest usable measurement of every network in a set, and how many had none."""

    name: str
    measurements: dict[Arch, Measurement]
    settings: tuple[Setting, ...]
    unusable: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Two sets and how B compares with A."""

    a: MeasuredSet
    b: MeasuredSet
    comparison: Comparison

    def verdict(self) -> str:
        """The result in one sentence."""
        return sentence(self.comparison, self.a.name, self.b.name)

    def differences(self) -> dict[str, tuple[str, str]]:
        """Fields of the settings that are not the same in A and B, with their values."""
        both = {field: (_values(self.a, field), _values(self.b, field)) for field in FIELDS}
        return {field: (a, b) for field, (a, b) in both.items() if a != b}

    def rows(self) -> list[dict[str, Any]]:
        """One per network in common."""
        return [
            {**asdict(row), "space": row.arch.space, "arch": row.arch.text}
            for row in self.comparison.ratios
        ]

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON would have it."""
        figures = asdict(self.comparison)
        del figures["ratios"]
        return {
            "a": _described(self.a),
            "b": _described(self.b),
            "verdict": self.verdict(),
            "differs": self.comparison.differs,
            "networks": len(self.comparison.ratios),
            **figures,
            "ratios": self.rows(),
        }


def compare_sets(a: str, b: str, seed: int = 0) -> Compared:
    """Compare the sets that two selectors name; see ``latkit.lab.selection``.

    Raises UsageError where a selector names nothing, or more than one setting of a space, and
    MeasurementsUnusable where the sets have too few networks in common.
    """
    first, second = find(a), find(b)
    found = compare(first.measurements, second.measurements, np.random.default_rng(seed))
    return Compared(first, second, found)


def find(text: str) -> MeasuredSet:
    """The set that a selector names."""
    selection = parse(text)
    everything = _in_file(selection) if selection.is_file else _in_dataset(selection)
    chosen = selection.matching(everything)
    if not chosen:
        hint = f"{selection.source} has {_listing(everything, selection)}"
        raise UsageError(f"{text!r} names no measurements", hint)
    if _ambiguous(chosen):
        hint = f"choose one: {_listing(chosen, selection)}"
        raise UsageError(f"{text!r} names measurements under several settings", hint)
    return _measured_set(text, [one.measurement for one in chosen])


def _measured_set(name: str, chosen: Sequence[Measurement]) -> MeasuredSet:
    ordered = sorted(chosen, key=lambda m: m.measured_at)
    usable = {m.arch: m for m in ordered if m.usable}
    unusable = len({m.arch for m in chosen} - usable.keys())
    return MeasuredSet(name, usable, tuple(dict.fromkeys(m.setting for m in chosen)), unusable)


def _in_file(selection: Selection) -> list[Numbered]:
    path = Path(selection.source)
    if not path.is_file():
        raise UsageError(
            f"there is no file {selection.source}", "'latkit dataset export' makes one"
        )
    return [Numbered(measurement, None) for measurement in read_file(path)]


def _in_dataset(selection: Selection) -> list[Numbered]:
    with Store.open(database_url()) as store:
        numbers = {entry.setting: entry.number for entry in store.summary()}
        found = store.measurements(device=selection.source)
    if not found:
        devices = {setting.device for setting in numbers}
        raise UnknownNameError("device in the dataset", selection.source, devices)
    return [Numbered(measurement, numbers[measurement.setting]) for measurement in found]


def _ambiguous(chosen: Sequence[Numbered]) -> bool:
    pairs = {(one.measurement.arch.space, one.measurement.setting) for one in chosen}
    return len(pairs) > len({space for space, _ in pairs})


def _listing(found: Sequence[Numbered], selection: Selection) -> str:
    """The settings among measurements, each with a selector that names it."""
    groups: dict[tuple[str, Setting, int | None], list[Measurement]] = {}
    for one in found:
        key = (one.measurement.arch.space, one.measurement.setting, one.number)
        groups.setdefault(key, []).append(one.measurement)
    entries = [_entry(selection.source, *key, own) for key, own in groups.items()]
    more = [f"and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else []
    return "; ".join(entries[:SHOWN] + more)


def _entry(
    source: str, space: str, s: Setting, number: int | None, own: Sequence[Measurement]
) -> str:
    name = f"{source}@device={s.device}" if number is None else f"{source}@{number}"
    times = sorted(m.measured_at[:10] for m in own if m.measured_at)
    span = f", {times[0]} to {times[-1]}" if times else ""
    return (
        f"{name} ({s.runtime}-{s.runtime_version}, {s.threads} threads, {s.precision}, "
        f"batch {s.batch}, {s.device_state}: {len(own):,} of {space}{span})"
    )


def _values(chosen: MeasuredSet, field: str) -> str:
    return ", ".join(sorted({str(getattr(setting, field)) for setting in chosen.settings}))


def _described(chosen: MeasuredSet) -> dict[str, Any]:
    suspect = sum(m.verdict.level == "suspect" for m in chosen.measurements.values())
    return {
        "name": chosen.name,
        "settings": [asdict(setting) for setting in chosen.settings],
        "networks": len(chosen.measurements),
        "suspect": suspect,
        "unusable": chosen.unusable,
    }


def sentence(found: Comparison, a: str, b: str) -> str:
    """What a comparison says, in words."""
    said = f"{b} {_size(found)}{_order(found.kendall)}"
    return said if found.differs else f"{a} and {b} do not differ measurably: {said}"


def _size(found: Comparison) -> str:
    ratio, lower, upper = found.ratio, found.lower, found.upper
    if not 1 / MANY_TIMES < ratio < MANY_TIMES:
        return f"takes {ratio:.3g} times as long (95 %: {lower:.3g}..{upper:.3g})"
    sign, word = (1, "slower") if ratio >= 1 else (-1, "faster")
    low, high = sorted(100 * sign * (bound - 1) for bound in (lower, upper))
    return f"is {100 * sign * (ratio - 1):.1f} % {word} (95 %: {low:.1f}..{high:.1f})"


def _order(kendall: float) -> str:
    if math.isnan(kendall):
        return ""
    words = next((text for least, text in ORDERS if kendall >= least), "the order is not the same")
    return f", {words} (Kendall {kendall:.2f})"
