"""Blocks and entries as tests of measuring need them, without a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from latkit.measure.journal import Entry
from latkit.protocol import BlockEvent, DeviceState, Output
from latkit.subjects import Subject

ARCH = Subject("nb201", "|none~0|")
OUTPUT = Output(4, (0.1, -0.5, 2.0, 0.0), 0.4, 1.0)
CPU = "CPUExecutionProvider"


def steady(median_ms: float = 5.0, n: int = 100, seed: int = 0) -> tuple[int, ...]:
    """Samples with a noise of 1 %, in ns."""
    rng = np.random.default_rng(seed)
    return tuple(int(value) for value in median_ms * 1e6 * rng.normal(1, 0.01, n))


def block(samples_ns: Sequence[int] | None = None, **changes: Any) -> BlockEvent:
    """A block against which nothing can be said, but for the changes."""
    samples = tuple(samples_ns or steady())
    made = BlockEvent(
        id="1",
        cold_ns=2 * samples[0],
        warm_up=10,
        samples_ns=samples,
        converged=True,
        thread_cpu_ns=sum(samples),
        involuntary_switches=0,
        timing_ns=2 * sum(samples),
        providers=(CPU,),
        output=OUTPUT,
        before=DeviceState(),
        after=DeviceState(),
    )
    return replace(made, **changes)


def entry(
    at: float = 1e9,
    median_ms: float = 5.0,
    *,
    arch: Subject = ARCH,
    canary: bool = False,
    boot_id: str | None = "boot",
    **changes: Any,
) -> Entry:
    """An entry of a journal."""
    made = block(steady(median_ms, seed=int(at) % 1000), **changes)
    return Entry(arch, canary, at, boot_id, made)
