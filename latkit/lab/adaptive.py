"""Measuring as many networks as are needed: batch by batch, until predictions have converged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from latkit import spaces
from latkit.lab.adapt import adapted_to
from latkit.lab.convergence import CHANGE, IN_A_ROW, Step, converged, step
from latkit.lab.measure import campaign, draw
from latkit.lab.workspace import Workspace
from latkit.latencies import Latencies
from latkit.measure.campaign import Campaign, CampaignResult
from latkit.measure.plan import Plan, canary
from latkit.measurement import Measurement
from latkit.plural import counted
from latkit.predictor.adapt import MIN_SAMPLES
from latkit.predictor.bundle import Bundle
from latkit.progress import Progress
from latkit.spaces.base import Space
from latkit.subjects import Subject

FIRST, BATCH, MOST = 5, 3, 40
REFERENCE = 1000
REFERENCE_SEED = 20
"""Of the population on which predictions are compared; not that of any draw."""


@dataclass(frozen=True, slots=True)
class AdaptiveResult:
    """What was measured, how predictions changed with it, and whether they converged."""

    campaign: CampaignResult
    steps: tuple[Step, ...]
    converged: bool

    @property
    def reason(self) -> str:
        """Why it ended, for a person."""
        networks = counted(len(self.campaign.measurements), "network")
        if not self.steps:
            return f"stopped after {networks}: too few of them could be measured"
        last = self.steps[-1]
        if last.precise:
            why = f"90 % intervals are ± {100 * last.half_width:.1f} %"
        elif self.converged:
            why = (
                f"the last {IN_A_ROW * BATCH} changed predictions by less than "
                f"{100 * CHANGE:.0f} % each time, and intervals hardly narrow any more"
            )
        else:
            why = (
                "that is the most that --n auto measures; predictions have not converged, the "
                f"last change was {100 * (last.change or 0):.1f} %"
            )
        return f"stopped after {networks}: {why}"


def measure_until_converged(
    lab: Workspace,
    device: str,
    progress: Progress | None = None,
    told: Callable[[Step], None] | None = None,
    *,
    space: str = "nb201",
    seed: int = 0,
    sampler: str | None = None,
    include_degenerate: bool = False,
    wait_s: float = 0.0,
    options: Mapping[str, Any] | None = None,
) -> AdaptiveResult:
    """Measure 5 networks of a seeded draw, then 3 at a time, at most 40.

    After every batch the predictor is adapted; the campaign ends when it is precise, or when two
    batches in a row hardly changed its predictions. Which networks come next depends on the seed
    alone: the same call completes a campaign that was cut off, and measures nothing after one
    that has ended.

    Args:
        lab: where measurements go.
        device: name of a profile.
        progress: is told how measuring goes.
        told: called with every step.
        space: space to draw from; latkit must ship a bundle for it.
        seed: of the draw and of the order.
        sampler: which networks are drawn, see ``latkit.lab.measure.draw``.
        include_degenerate: whether networks that compute nothing are drawn too.
        wait_s: how long to wait where somebody else holds the device.
        options: parts of the condition that are other than the profile's.

    Raises BundleError where there is no bundle to adapt.
    """
    chosen_space = spaces.get(space)
    predict = predictions(chosen_space)
    most = min(MOST, chosen_space.size)
    subjects = draw(chosen_space, most, seed, sampler, include_degenerate)
    with campaign(lab, device, chosen_space, progress, options or {}, wait_s) as opened:
        return run(opened, subjects, canary(chosen_space), seed, predict, told)


def run(
    opened: Campaign,
    subjects: Sequence[Subject],
    watch: Subject,
    seed: int,
    predict: Callable[[Sequence[Measurement]], Latencies],
    told: Callable[[Step], None] | None = None,
) -> AdaptiveResult:
    """Measure batch after batch of ``subjects`` until what ``predict`` returns has converged.

    ``watch`` is the canary, ``predict`` what measurements let one predict of a population.
    """
    steps: list[Step] = []
    batches: list[CampaignResult] = []
    before = None
    for start, end in pairwise(_bounds(len(subjects))):
        batches.append(opened.run(Plan(tuple(subjects[start:end]), watch, seed)))
        usable = [found for one in batches for found in one.measurements if found.usable]
        if len(usable) < MIN_SAMPLES:
            continue
        now = predict(usable)
        steps.append(step(len(usable), now, before))
        if told:
            told(steps[-1])
        before = steps[-1], now
        if converged(steps):
            break
    return AdaptiveResult(_together(batches), tuple(steps), converged(steps))


def _bounds(most: int) -> list[int]:
    return [0, *range(FIRST, most, BATCH), most]


def predictions(space: Space) -> Callable[[Sequence[Measurement]], Latencies]:
    """What the shipped bundle, once adapted to measurements, predicts for a population."""
    bundle, rng = Bundle.shipped(space.name), np.random.default_rng(REFERENCE_SEED)
    reference = space.matrix(space.sample(rng, min(REFERENCE, space.size)))

    def predict(measured: Sequence[Measurement]) -> Latencies:
        return adapted_to(measured, bundle, space).predict(reference)

    return predict


def _together(batches: Sequence[CampaignResult]) -> CampaignResult:
    """All batches as if they had been one."""
    seconds = sum(one.seconds for one in batches)
    return CampaignResult(
        batches[0].condition,
        tuple(found for one in batches for found in one.measurements),
        sum(one.known_before for one in batches),
        seconds,
        sum(one.timing_share * one.seconds for one in batches) / seconds,
    )
