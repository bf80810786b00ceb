"""Measuring n networks on a device: sample, build, deploy, time, store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from latkit import sampling, spaces
from latkit.devices import profile as profiles
from latkit.errors import UsageError
from latkit.formats.cache import ModelCache
from latkit.lab.networks import Networks, subjects
from latkit.lab.options import fields
from latkit.lab.workspace import Workspace
from latkit.measure.campaign import Campaign
from latkit.measure.campaign import CampaignResult as CampaignResult
from latkit.measure.plan import Plan, canary
from latkit.measure.session import Session
from latkit.predictor.bundle import Bundle
from latkit.progress import Progress
from latkit.spaces.base import Space
from latkit.subjects import Subject


def measure(
    lab: Workspace,
    device: str,
    progress: Progress | None = None,
    *,
    space: str = "nb201",
    n: int = 20,
    seed: int = 0,
    sampler: str | None = None,
    include_degenerate: bool = False,
    networks: Networks | None = None,
    again: bool = False,
    wait_s: float = 0.0,
    options: Mapping[str, Any] | None = None,
) -> CampaignResult:
    """Measure the first ``n`` networks of a seeded draw, or ``networks``, on a device.

    Those that were measured before under the same condition are not measured again, so the same
    call completes a campaign that was cut off.

    Args:
        lab: where measurements go.
        device: name of a profile.
        progress: is told how it goes.
        space: space to draw from; that of ``networks`` where they are subjects.
        n: how many networks.
        seed: of the draw and of the order.
        sampler: which networks are drawn, see ``draw``.
        include_degenerate: draw also networks that compute nothing, see ``Space.degenerate``.
        networks: to be measured instead of a draw; strings and indices are of ``space``.
        again: measure also those that were measured before.
        wait_s: how long to wait where somebody else holds the device.
        options: parts of the condition that are other than the profile's; see
            ``latkit.lab.options``.
    """
    asked = spaces.get(space)
    chosen = subjects(() if networks is None else networks, asked)
    named = sorted({subject.collection for subject in chosen}) or [asked.name]
    if len(named) > 1:
        raise UsageError(f"one campaign measures one space; these are of {' and '.join(named)}")
    chosen_space = spaces.get(named[0])
    chosen = chosen or draw(chosen_space, n, seed, sampler, include_degenerate)
    with campaign(lab, device, chosen_space, progress, options or {}, wait_s) as opened:
        return opened.run(Plan(tuple(chosen), canary(chosen_space), seed, again))


def draw(
    space: Space,
    n: int,
    seed: int,
    sampler: str | None = None,
    include_degenerate: bool = False,
) -> list[Subject]:
    """The networks that are measured for a seed, whatever was measured before.

    Args:
        space: space to draw from.
        n: how many.
        seed: of the draw.
        sampler: a name of ``latkit.sampling.SAMPLERS``; by default the optimal design, or a
            random draw from a space that latkit ships no bundle for.
        include_degenerate: whether networks that compute nothing are drawn too.

    Raises BundleError where the sampler looks at a bundle and latkit ships none for the space.
    """
    name = sampler or ("optimal" if Bundle.is_shipped(space.name) else "random")
    bundle = Bundle.shipped(space.name) if sampling.looks_at_bundle(name) else None
    rng = np.random.default_rng(seed)
    return sampling.sample(
        name, space, n, rng, bundle=bundle, include_degenerate=include_degenerate
    )


@contextmanager
def campaign(
    lab: Workspace,
    device: str,
    space: Space,
    progress: Progress | None,
    options: Mapping[str, Any],
    wait_s: float = 0.0,
) -> Iterator[Campaign]:
    """A campaign that may run one plan after the other on a device, leased for as long."""
    profile = profiles.changed(profiles.load(device), fields(options))
    tuned = bool(options.get("tune"))
    with lab.store() as store, Session(profile, wait_s=wait_s, tuned=tuned) as session:
        cache = ModelCache(lab.cache / "models")
        yield Campaign(space, session, store, cache, lab.campaigns, progress or Progress())
