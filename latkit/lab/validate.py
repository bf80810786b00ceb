"""Asking an adapted predictor about networks it has not seen, and measuring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any

import numpy as np

from latkit.condition import Condition
from latkit.errors import MeasurementsUnusable, UsageError
from latkit.lab.measure import measure
from latkit.lab.options import again
from latkit.lab.predictor import Predictor
from latkit.lab.predictors import choose, making
from latkit.lab.workspace import Workspace
from latkit.latencies import Latencies
from latkit.measurement import Measurement
from latkit.metrics import Scores, score
from latkit.plural import counted
from latkit.progress import Progress
from latkit.spaces.base import Space
from latkit.subjects import Subject

MIN_NETWORKS = 3
SPARE = 2
"""So many times more are drawn than are asked for, as some compute nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """How good a predictor is on networks that it was not adapted to.

    Args:
        measured: the networks that could be used.
        predicted: what was predicted of them, in the same order.
        scores: how close both are.
        level: the probability that an interval claims.
    """

    measured: tuple[Measurement, ...]
    predicted: Latencies
    scores: Scores
    level: float

    @property
    def condition(self) -> Condition:
        """Under which was measured."""
        return self.measured[0].condition

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should keep in mind."""
        predicted = self.predicted.condition
        if predicted in (None, self.condition):
            return ()
        return (f"predicted for {predicted.words()}, measured with {self.condition.runtime}",)

    def row(self) -> dict[str, Any]:
        """The figures, as a row of results."""
        return {
            "space": self.measured[0].subject.collection,
            **self.condition.row(),
            "networks": len(self.measured),
            "spearman": self.scores.spearman,
            "kendall": self.scores.kendall,
            "median_error": self.scores.median_ape,
            "within_10_percent": self.scores.within_10,
            "coverage": self.scores.coverage,
            "interval_width": self.scores.width,
            "interval_score": self.scores.interval_score,
            "level": self.level,
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """One row for every network."""
        return [
            {
                "space": m.subject.collection,
                "arch": m.subject.key,
                **m.condition.row(),
                "measured_ms": m.latency_ms,
                "verdict": m.verdict.level,
                "predicted_ms": row["mean_ms"],
                "lower_ms": row["lower_ms"],
                "upper_ms": row["upper_ms"],
            }
            for m, row in zip(self.measured, self.predicted.rows(), strict=True)
        ]


def validate(
    lab: Workspace,
    device: str,
    progress: Progress | None = None,
    *,
    space: str | None = None,
    n: int = 40,
    seed: int = 1,
    wait_s: float = 0.0,
    options: Mapping[str, Any] | None = None,
) -> Validation:
    """Measure n networks that a predictor has not seen, under its condition, and compare.

    The predictor is that of the profile's own condition, changed by ``options``.

    Raises what ``Predictor.load`` does, MeasurementsUnusable where too few could be measured,
    UsageError where the device cannot be measured under that condition any more.
    """
    predictor = Predictor.of(choose(lab, device, space, options or {}))
    _require_measurable(predictor)
    measured = measure(
        lab,
        device,
        progress,
        networks=unseen(predictor.space, set(predictor.trained_on), n, seed),
        seed=seed,
        wait_s=wait_s,
        options=again(predictor.condition),
    )
    usable = tuple(m for m in measured.measurements if m.usable)
    if len(usable) < MIN_NETWORKS:
        raise MeasurementsUnusable(
            f"only {len(usable)} of {counted(n, 'network')} could be measured on {device}",
            f"'latkit dataset list --device {quote(device)} --verdict invalid' tells the reasons",
        )
    predicted = predictor.predict([m.subject for m in usable])
    scores = score(predicted, np.array([m.latency_ms for m in usable], dtype=np.float64))
    return Validation(usable, predicted, scores, predictor.level)


def _require_measurable(predictor: Predictor) -> None:
    condition = predictor.condition
    if not condition.protocol:
        raise UsageError(
            f"the predictor of {condition.board!r} rests on a published table, which does not say "
            "how to measure more",
            making(condition.board, predictor.space.name),
        )


def unseen(space: Space, seen: set[str], n: int, seed: int) -> list[Subject]:
    """Draw n architectures from a seed that are not among ``seen``, and compute something."""
    drawn = space.sample(np.random.default_rng(seed), min(SPARE * n + len(seen), space.size))
    drawn = [arch for arch in drawn if arch.key not in seen]
    idle = space.degenerate(space.matrix(drawn))
    found = [arch for arch, nothing in zip(drawn, idle, strict=True) if not nothing][:n]
    if len(found) < n:
        raise UsageError(f"{space.name} has no {counted(n, 'network')} that were not measured")
    return found
