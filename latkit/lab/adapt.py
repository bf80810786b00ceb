"""Adapting: the measurements of one device go in, a predictor file per condition comes out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from latkit import spaces
from latkit.condition import Condition
from latkit.errors import (
    BundleError,
    LatkitError,
    MeasurementsUnusable,
    StoreError,
    UsageError,
)
from latkit.files import private_folder
from latkit.lab.few import Few
from latkit.lab.options import described, listed, wanted
from latkit.lab.predictors import Kept, kept, making, meaning, place
from latkit.lab.workspace import Workspace
from latkit.measurement import Measurement
from latkit.plural import counted
from latkit.predictor import export
from latkit.predictor.adapt import Adapted
from latkit.predictor.adapt import adapt as fit
from latkit.predictor.bundle import Bundle
from latkit.predictor.left_out import Expected
from latkit.spaces.base import Space
from latkit.store import USABLE, Query

Groups = dict[tuple[str, Condition], list[Measurement]]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What became of the measurements of one space under one condition.

    ``path`` is the predictor's, and ``expected`` how far off it is likely to be for networks that
    were not measured; None where there can be none, for a reason that ``notes`` give.
    """

    space: str
    condition: Condition
    samples: int
    fastest_ms: float
    slowest_ms: float
    seconds: float
    path: Path | None
    expected: Expected | None
    notes: tuple[str, ...]

    @property
    def device(self) -> str:
        """Name of the device."""
        return self.condition.board

    def row(self) -> dict[str, Any]:
        """All of it, as a row of results."""
        return {
            "space": self.space,
            **self.condition.row(),
            "samples": self.samples,
            "fastest_ms": self.fastest_ms,
            "slowest_ms": self.slowest_ms,
            "seconds": self.seconds,
            "path": str(self.path) if self.path else None,
            "expected_median_error": self.expected.median_error if self.expected else None,
            "expected_within": self.expected.most_within if self.expected else None,
            "notes": list(self.notes),
        }


def adapt(
    lab: Workspace,
    device: str,
    *,
    space: str | None = None,
    bundle: str | Path | None = None,
    n: int | None = None,
    sampler: str | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> list[Adaptation]:
    """Adapt to ``device`` under every condition, and for every space, that it was measured in.

    Each condition gets a predictor of its own, and no other's is touched. One with too few
    measurements, or a space without a pretrained predictor, gets none and is told so.

    Args:
        lab: where measurements and predictors are.
        device: name of the device.
        space: this one only.
        bundle: folder of a pretrained predictor to start from, instead of the shipped one.
        n: to so many measurements alone, as if no others had been taken; by default to all, or to
            a random ``few.MOST`` of more.
        sampler: which of them, a name of ``latkit.sampling.SAMPLERS``; by default at random.
        seed: of that draw.
        options: parts of the condition; only conditions that have them all.

    Raises MeasurementsUnusable or BundleError where no condition can be adapted to.
    """
    source = Bundle.load(Path(bundle)) if bundle else None
    few = Few(n, sampler or "random", seed)
    named = _space(space, source)
    groups = _groups(lab, device, named, wanted(options or {}))
    done, problems = [], []
    for (name, _), own in groups.items():
        try:
            done.append(_adapt_group(lab, name, own, source, few))
        except (MeasurementsUnusable, BundleError, UsageError) as problem:
            problems.append(problem)
            done.append(_adaptation(name, own, (problem.message,)))
    if not any(one.path for one in done):
        raise _best(problems)
    return done


def _space(asked: str | None, source: Bundle | None) -> str | None:
    """The space to adapt for: a bundle is of one; raises UsageError where another is asked for."""
    name = spaces.get(asked).name if asked else None
    if source is None:
        return name
    if name not in (None, source.space):
        raise UsageError(
            f"the bundle is of {source.space}, not of {name}",
            "leave --space out, or pretrain one; see 'latkit pretrain --help'",
        )
    return source.space


def _groups(lab: Workspace, device: str, space: str | None, asked: Mapping[str, Any]) -> Groups:
    """Newest usable measurements by space and condition, those stored last coming last."""
    with lab.store() as store:
        every = Query(device=device, levels=USABLE, newest=True)
        measured = list(store.find(every))
        if not measured:
            others = {one.condition.board for one in store.summary()} - {device}
            raise MeasurementsUnusable(
                f"there are no usable measurements of device {device!r}",
                meaning(device, others) + making(device, space),
            )
    groups: Groups = {}
    for one in measured:
        key = one.subject.collection, one.condition
        own = groups.pop(key, [])  # and back at the end
        groups[key] = own
        own.append(one)
    of_space = {key: own for key, own in groups.items() if space in (None, key[0])}
    if not of_space:
        raise _other_spaces(device, str(space), groups)
    chosen = {key: own for key, own in of_space.items() if key[1].matches(asked)}
    if not chosen:
        raise _other_conditions(device, asked, of_space)
    return chosen


def _other_spaces(device: str, space: str, groups: Groups) -> MeasurementsUnusable:
    counts = {name: 0 for name, _ in groups}
    for (name, _), own in groups.items():
        counts[name] += len(own)
    others = ", ".join(f"{count} of {name}" for name, count in sorted(counts.items()))
    return MeasurementsUnusable(
        f"device {device!r} has no usable measurements of {space} (it has {others})",
        making(device, space),
    )


def _other_conditions(
    device: str, asked: Mapping[str, Any], groups: Groups
) -> MeasurementsUnusable:
    return MeasurementsUnusable(
        f"no usable measurement of {device!r} was taken with {described(asked)}",
        f"there are: {listed(condition for _, condition in groups)}",
    )


def _best(problems: Sequence[LatkitError]) -> LatkitError:
    """What to tell where nothing could be adapted to: more than that samples are few, if it is."""
    return max(problems, key=lambda problem: not isinstance(problem, MeasurementsUnusable))


def _adapt_group(
    lab: Workspace, name: str, stored: Sequence[Measurement], source: Bundle | None, few: Few
) -> Adaptation:
    begun = time.perf_counter()
    bundle, space = source or Bundle.shipped(name), spaces.get(name)
    measured, told = few.of(stored, bundle, space)
    adapted = adapted_to(measured, bundle, space)
    before = kept(lab, measured[0].condition.board, name)
    path = _keep(lab, name, measured, adapted)
    notes = told + adapted.notes + _doubted(measured) + _replaced(before, path, len(measured))
    made = _adaptation(name, measured, notes)
    seconds = time.perf_counter() - begun
    return replace(made, path=path, expected=adapted.expected, seconds=seconds)


def _doubted(measured: Sequence[Measurement]) -> tuple[str, ...]:
    """A word where most samples are suspect, with the one that says least."""
    suspect = [m for m in measured if m.verdict.level == "suspect"]
    if 2 * len(suspect) <= len(measured):
        return ()
    worst = max(suspect, key=lambda m: m.noise or 0.0)
    words = f"{len(suspect)} of {counted(len(measured), 'measurement')} are suspect"
    if worst.noise is None:
        return (words,)
    return (f"{words}; least certain is {worst.subject.key} (±{worst.noise:.0%})",)


def _replaced(before: Sequence[Kept], path: Path, samples: int) -> tuple[str, ...]:
    """A word where a predictor of more measurements is gone: those of another dataset."""
    most = max((one.samples for one in before if one.file == path), default=0)
    words = f"replaced a predictor of {counted(most, 'measurement')}"
    return (words,) if most > samples else ()


def _adaptation(name: str, measured: Sequence[Measurement], notes: tuple[str, ...]) -> Adaptation:
    known_ms = [m.latency_ms for m in measured if m.latency_ms is not None]
    return Adaptation(
        space=name,
        condition=measured[0].condition,
        samples=len(measured),
        fastest_ms=min(known_ms),
        slowest_ms=max(known_ms),
        seconds=0.0,
        path=None,
        expected=None,
        notes=notes,
    )


def adapted_to(measured: Sequence[Measurement], bundle: Bundle, space: Space) -> Adapted:
    """A bundle of a space adapted to usable measurements under one condition."""
    latency_ms = np.array([m.latency_ms for m in measured], dtype=float)
    noise = np.array([np.nan if m.noise is None else m.noise for m in measured])
    return fit(bundle, space.matrix(m.subject for m in measured), latency_ms, noise)


def _keep(lab: Workspace, name: str, measured: Sequence[Measurement], adapted: Adapted) -> Path:
    condition = measured[0].condition
    with lab.store() as store:
        last = store.last_number(Query(collection=name, condition=condition, levels=USABLE))
    one = Kept(place(lab, name, condition), name, condition, len(measured), last)
    _make_place(one.file.parent)
    keys = [measurement.subject.key for measurement in measured]
    about = {"device": one.device, "condition": condition.values(), "trained_on": keys}
    export.write(adapted, one.file, about)
    one.note()
    return one.file


def _make_place(folder: Path) -> None:
    """Make the folder of predictors; raises StoreError where nothing can be written there."""
    try:
        private_folder(folder)
        refused = None if os.access(folder, os.W_OK) else "it is read-only"
    except OSError as problem:
        refused = problem.strerror
    if refused:
        raise StoreError(
            f"no predictor can be kept in {folder}: {refused}",
            "set LATKIT_DATA_DIR to a folder that you may write to; LATKIT_DB says where the "
            "dataset is, as sqlite:////path/to/latkit.db",
        )
