"""Comparing two sets of measurements that a user names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from latkit.analysis.compare import Comparison, Ratio, compare
from latkit.condition import Condition
from latkit.errors import UnknownNameError, UsageError
from latkit.lab.dataset import read_file
from latkit.lab.selection import FIELDS, Numbered, Selection, parse, written
from latkit.lab.workspace import Workspace
from latkit.measurement import Measurement
from latkit.plural import counted
from latkit.store import Query
from latkit.subjects import Subject

MANY_TIMES = 2.0
"""From here on a ratio is told as so many times, below it in percent."""
SHOWN = 8
"""How many conditions an error message lists."""
ORDERS = ((0.95, "the order is the same"), (0.8, "the order is nearly the same"))


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """The usable measurement of every network that was stored last, and how many had none."""

    name: str
    measurements: dict[Subject, Measurement]
    conditions: tuple[Condition, ...]
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
        """Values of the conditions that are not the same in A and B, with their values."""
        both = {field: (_values(self.a, field), _values(self.b, field)) for field in FIELDS}
        return {field: (a, b) for field, (a, b) in both.items() if a != b}

    def rows(self) -> list[dict[str, Any]]:
        """One per network in common."""
        return [self._row(ratio) for ratio in self.comparison.ratios]

    def _row(self, ratio: Ratio) -> dict[str, Any]:
        both = {"a": self.a, "b": self.b}
        conditions = {name: one.measurements[ratio.subject].condition for name, one in both.items()}
        return {
            **asdict(ratio),
            "space": ratio.subject.collection,
            "arch": ratio.subject.key,
            **{name: condition.row() for name, condition in conditions.items()},
        }

    def document(self) -> dict[str, Any]:
        """Everything, as JSON would have it."""
        figures = asdict(self.comparison)
        del figures["ratios"]
        return {
            "a": _described(self.a),
            "b": _described(self.b),
            "verdict": self.verdict(),
            "differs": self.comparison.differs,
            "networks": len(self.comparison.ratios),
            "changed": self.comparison.changed[0],
            **figures,
            "ratios": self.rows(),
        }


def compare_sets(lab: Workspace, a: str, b: str, seed: int = 0) -> Compared:
    """Compare the sets that two selectors name; see ``latkit.lab.selection``.

    Raises UsageError where a selector names nothing, or more than one condition of a space, and
    MeasurementsUnusable where the sets have too few networks in common.
    """
    first, second = find(lab, a), find(lab, b)
    found = compare(first.measurements, second.measurements, np.random.default_rng(seed))
    return Compared(first, second, found)


def find(lab: Workspace, text: str) -> MeasuredSet:
    """The set that a selector names."""
    selection = parse(text)
    everything = _in_file(selection) if selection.is_file else _in_dataset(lab, selection)
    chosen = selection.matching(everything)
    if not chosen:
        hint = f"{selection.source} has {_listing(everything, selection)}"
        raise UsageError(f"{text!r} names no measurements", hint)
    if _ambiguous(chosen):
        hint = f"choose one: {_listing(chosen, selection)}"
        raise UsageError(f"{text!r} names measurements under several conditions", hint)
    return _measured_set(text, [one.measurement for one in chosen])


def _measured_set(name: str, chosen: Sequence[Measurement]) -> MeasuredSet:
    usable = {m.subject: m for m in chosen if m.usable}
    unusable = len({m.subject for m in chosen} - usable.keys())
    return MeasuredSet(name, usable, tuple(dict.fromkeys(m.condition for m in chosen)), unusable)


def _in_file(selection: Selection) -> list[Numbered]:
    path = Path(selection.source)
    if not path.is_file():
        raise UsageError(
            f"there is no file {selection.source}",
            f"latkit dataset export {quote(selection.source)}",
        )
    return [Numbered(measurement, None) for measurement in read_file(path)]


def _in_dataset(lab: Workspace, selection: Selection) -> list[Numbered]:
    with lab.store() as store:
        numbers = {entry.condition: entry.number for entry in store.summary()}
        found = list(store.find(Query(device=selection.source)))
    if not found:
        devices = {condition.board for condition in numbers}
        raise UnknownNameError("device in the dataset", selection.source, devices)
    return [Numbered(measurement, numbers.get(measurement.condition)) for measurement in found]


def _ambiguous(chosen: Sequence[Numbered]) -> bool:
    pairs = {(one.measurement.subject.collection, one.measurement.condition) for one in chosen}
    return len(pairs) > len({space for space, _ in pairs})


def _listing(found: Sequence[Numbered], selection: Selection) -> str:
    """The conditions among measurements, each with a selector that names it."""
    groups: dict[tuple[str, Condition, int | None], list[Measurement]] = {}
    for one in found:
        key = (one.measurement.subject.collection, one.measurement.condition, one.number)
        groups.setdefault(key, []).append(one.measurement)
    fields = _telling_apart([condition for _, condition, number in groups if number is None])
    entries = [
        f"{_selector(selection.source, condition, number, fields)} ({_held(space, condition, own)})"
        for (space, condition, number), own in groups.items()
    ]
    more = [f"and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else []
    return "; ".join(entries[:SHOWN] + more)


def _telling_apart(conditions: Sequence[Condition]) -> list[str]:
    """The device, and the fewest fields beside it that tell conditions apart."""
    told = ["device"]
    for field in FIELDS:
        if _distinct(conditions, [*told, field]) > _distinct(conditions, told):
            told.append(field)
    return told


def _distinct(conditions: Sequence[Condition], fields: Sequence[str]) -> int:
    return len({tuple(written(one, name) for name in fields) for one in conditions})


def _selector(source: str, c: Condition, number: int | None, fields: Sequence[str]) -> str:
    """What names one condition, to be typed."""
    values = [f"{name}={written(c, name).replace(',', '+')}" for name in fields]
    return quote(f"{source}@{','.join(values) if number is None else number}")


def _held(space: str, c: Condition, own: Sequence[Measurement]) -> str:
    days = sorted({m.measured_at[:10] for m in own if m.measured_at})
    span = f", {' to '.join(dict.fromkeys((days[0], days[-1])))}" if days else ""
    return f"{c.words()}: {len(own):,} of {space}{span}"


def _values(chosen: MeasuredSet, field: str) -> str:
    return ", ".join(sorted({written(condition, field) for condition in chosen.conditions}))


def _described(chosen: MeasuredSet) -> dict[str, Any]:
    suspect = sum(m.verdict.level == "suspect" for m in chosen.measurements.values())
    return {
        "name": chosen.name,
        "conditions": [condition.row() for condition in chosen.conditions],
        "networks": len(chosen.measurements),
        "suspect": suspect,
        "unusable": chosen.unusable,
    }


def sentence(found: Comparison, a: str, b: str) -> str:
    """What a comparison says, in words."""
    said = f"{b} {_size(found)}{_order(found.kendall)}"
    if found.shifted:
        return said
    if found.scattered:
        changed, known = found.changed
        networks = f"{changed:,} of {counted(known, 'network')} changed beyond noise"
        return f"{a} and {b} differ network by network: {networks}, but on average {said}"
    return f"{a} and {b} do not differ measurably: {said}"


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
