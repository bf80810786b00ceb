"""Measuring n networks on a device: sample, build, deploy, time, store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from latkit import sampling, spaces
from latkit.build.cache import ModelCache
from latkit.config import cache_dir, data_dir, database_url
from latkit.devices import profile as profiles
from latkit.errors import UsageError
from latkit.measure.campaign import Campaign, CampaignResult, Observer
from latkit.measure.plan import Plan, canary
from latkit.measure.session import Session
from latkit.store import Store
from latkit.types import Arch, Measurement


def measure(
    device: str,
    observer: Observer,
    *,
    space: str = "nb201",
    n: int = 20,
    seed: int = 0,
    sampler: str = "random",
    archs: Sequence[Arch] | None = None,
    overrides: dict[str, Any] | None = None,
    wait_s: float = 0.0,
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
        sampler: which networks are drawn: the name of one of ``latkit.sampling``.
        archs: networks to measure instead of a draw.
        overrides: fields of the profile to replace (threads, batch, ...).
        wait_s: how long to wait where somebody else holds the device.
    """
    profile = profiles.load(device)
    if overrides:
        profile = profiles.create(profile.model_dump() | overrides)
    named = sorted({arch.space for arch in archs or ()}) or [space]
    if len(named) > 1:
        raise UsageError(f"one campaign measures one space; these are of {' and '.join(named)}")
    chosen_space = spaces.get(named[0])
    rng = np.random.default_rng(seed)
    chosen = tuple(archs or sampling.sample(sampler, chosen_space, n, rng))
    plan = Plan(chosen, canary(chosen_space), seed)
    with Store.open(database_url()) as store, Session(profile, wait_s=wait_s) as session:
        cache = ModelCache(cache_dir() / "models")
        journals = data_dir() / "campaigns"
        return Campaign(chosen_space, session, store, cache, journals, observer).run(plan)


def as_row(measurement: Measurement) -> dict[str, Any]:
    """A measurement as people and JSON see it."""
    return {
        "space": measurement.arch.space,
        "arch": measurement.arch.text,
        "device": measurement.setting.device,
        "latency_ms": measurement.latency_ms,
        "lower_ms": measurement.lower_ms,
        "upper_ms": measurement.upper_ms,
        "noise": measurement.noise,
        "verdict": measurement.verdict.level,
        "reasons": list(measurement.verdict.reasons),
        "processes": len(measurement.blocks),
        "measured_at": measurement.measured_at,
    }
