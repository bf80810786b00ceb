"""Many outcomes in a few figures: mean over targets, then mean and deviation over seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import NamedTuple

import numpy as np

from latkit.evaluation.trial import Outcome

METRICS = (
    "spearman",
    "kendall",
    "median_ape",
    "within_10",
    "coverage",
    "width",
    "interval_score",
    "spearman_all",
    "seconds",
)


class Key(NamedTuple):
    """What a row is about; ``device`` is empty in a row over all targets of a task."""

    task: str
    method: str
    sampler: str
    n: int
    device: str


@dataclass(frozen=True, slots=True)
class Figure:
    """Mean and standard deviation over seeds (NaN of a single one)."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Row:
    """All figures of one task (or device), method, sampler and sample count."""

    key: Key
    seeds: int
    figures: dict[str, Figure]


def summarise(outcomes: Iterable[Outcome], per_device: bool = False) -> list[Row]:
    """One row per task, method, sampler and count, in the order of ``outcomes``.

    A figure is averaged over the targets of a task within each seed; with ``per_device`` every
    target gets a row of its own instead.
    """
    groups: dict[Key, dict[int, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for outcome in outcomes:
        trial = outcome.trial
        device = trial.device if per_device else ""
        key = Key(trial.task, trial.method, trial.sampler, trial.n, device)
        groups[key][trial.seed].append(outcome)
    return [_row(key, list(seeds.values())) for key, seeds in groups.items()]


def _row(key: Key, seeds: Sequence[Sequence[Outcome]]) -> Row:
    flat = [[_values(outcome) for outcome in outcomes] for outcomes in seeds]
    figures = {
        metric: _figure([fmean(values[metric] for values in seed) for seed in flat])
        for metric in METRICS
    }
    return Row(key, len(seeds), figures)


def _values(outcome: Outcome) -> dict[str, float]:
    own = {"spearman_all": outcome.spearman_all, "seconds": outcome.seconds}
    return asdict(outcome.unseen) | own


def _figure(by_seed: Sequence[float]) -> Figure:
    return Figure(fmean(by_seed), float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else math.nan)
