"""Measuring n networks on a device: sample, build, deploy, time, store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from latkit import sampling, spaces
from latkit.config import cache_dir, data_dir, database_url
from latkit.devices import profile as profiles
from latkit.devices.tune import tuned
from latkit.errors import UsageError
from latkit.formats.cache import ModelCache
from latkit.lab.dataset import figures
from latkit.lab.settings import TUNED
from latkit.measure.campaign import Campaign, CampaignResult, Observer
from latkit.measure.plan import Plan, canary
from latkit.measure.session import Session
from latkit.measurement import Arch, Measurement
from latkit.predictor.bundle import Bundle
from latkit.spaces.base import Space
from latkit.store import Store


def measure(
    device: str,
    observer: Observer,
    *,
    space: str = "nb201",
    n: int = 20,
    seed: int = 0,
    sampler: str | None = None,
    archs: Sequence[Arch] | None = None,
    overrides: dict[str, Any] | None = None,
    wait_s: float = 0.0,
    again: bool = False,
    tune: bool = False,
) -> CampaignResult:
    """Measure the first ``n`` networks of a seeded draw, or ``archs``, on a device.

    Those that were measured before under the same setting are not measured again, so the same
    call completes a campaign that was cut off.

    Args:
        device: name of a profile.
        observer: is told how it goes.
        space: space to draw from; that of ``archs`` where they are given.
        n: how many networks.
        seed: of the draw and of the order.
        sampler: which networks are drawn, see ``draw``.
        archs: networks to measure instead of a draw.
        overrides: fields of the profile to replace (threads, batch, runtime, ...).
        wait_s: how long to wait where somebody else holds the device.
        again: measure also those that were measured before.
        tune: hold the device in the state that measuring wants meanwhile; its latencies are then
            kept apart from those of its usual state.
    """
    named = sorted({arch.space for arch in archs or ()}) or [space]
    if len(named) > 1:
        raise UsageError(f"one campaign measures one space; these are of {' and '.join(named)}")
    chosen_space = spaces.get(named[0])
    chosen = tuple(archs or draw(chosen_space, n, seed, sampler))
    with campaign(device, chosen_space, observer, overrides, wait_s, tune) as opened:
        return opened.run(Plan(chosen, canary(chosen_space), seed, again))


def draw(space: Space, n: int, seed: int, sampler: str | None = None) -> list[Arch]:
    """The networks that are measured for a seed, whatever was measured before.

    Args:
        space: space to draw from.
        n: how many.
        seed: of the draw.
        sampler: the name of one of ``latkit.sampling``; by default the optimal design, or a
            random draw from a space that latkit ships no bundle for.
    """
    default = "optimal" if Bundle.is_shipped(space.name) else "random"
    return sampling.sample(sampler or default, space, n, np.random.default_rng(seed))


@contextmanager
def campaign(
    device: str,
    space: Space,
    observer: Observer,
    overrides: dict[str, Any] | None = None,
    wait_s: float = 0.0,
    tune: bool = False,
) -> Iterator[Campaign]:
    """A campaign that may run one plan after the other on a device, leased for as long."""
    profile = profiles.load(device)
    if overrides:
        profile = profiles.changed(profile, overrides)
    if tune:
        profile = profiles.changed(profile, {"device_state": profile.device_state + TUNED})
    with (
        Store.open(database_url()) as store,
        Session(profile, wait_s=wait_s) as session,
        tuned(profile) if tune else nullcontext(),
    ):
        cache = ModelCache(cache_dir() / "models")
        yield Campaign(space, session, store, cache, data_dir() / "campaigns", observer)


def as_row(measurement: Measurement) -> dict[str, Any]:
    """A measurement as people and JSON see it."""
    return {
        "space": measurement.arch.space,
        "arch": measurement.arch.text,
        "device": measurement.setting.device,
        **figures(measurement),
        "processes": len(measurement.blocks),
        "measured_at": measurement.measured_at,
    }
