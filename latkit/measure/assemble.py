"""From the blocks of one architecture to its measurement."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from latkit.measure import quality, stats
from latkit.measure.journal import Entry, iso_time
from latkit.protocol import BlockEvent, Failed, Output
from latkit.types import Arch, Block, Measurement, Setting, Verdict

Context = Mapping[str, Any]


def measurement(
    arch: Arch,
    setting: Setting,
    own: Sequence[Entry],
    drift: Sequence[float] | None,
    *,
    expected: Output,
    provider: str,
    context: Context,
) -> Measurement:
    """What blocks of several processes say together.

    Its time is that of its last block, by which a campaign that was killed knows later which
    blocks are in the store.

    Args:
        arch: the architecture.
        setting: under which it was timed.
        own: its blocks, oldest first.
        drift: slowness of the device during each; None where it is unknown, and then the
            latency is left as it was timed.
        expected: what the network should compute.
        provider: the one asked for.
        context: of the session.
    """
    factors = drift or [1.0] * len(own)
    blocks = [entry.block for entry in own]
    label = stats.label([block.samples_ns for block in blocks], factors)
    verdict = quality.judge(
        blocks,
        factors,
        expected=expected,
        provider=provider,
        precision=setting.precision,
        threads=setting.threads,
    )
    return Measurement(
        arch,
        setting,
        verdict,
        **asdict(label),
        blocks=tuple(map(_block, blocks)),
        context=_with_blocks(context, own, drift),
        measured_at=own[-1].time,
    )


def failure(
    arch: Arch, setting: Setting, own: Sequence[Entry], event: Failed, context: Context
) -> Measurement:
    """Of an architecture that could not be timed, with what had been timed of it before."""
    verdict = Verdict("invalid", (f"{event.kind}: {event.detail}",))
    return _without_latency(arch, setting, own, verdict, context, iso_time(time.time()))


def restarted(arch: Arch, setting: Setting, own: Sequence[Entry], context: Context) -> Measurement:
    """Of an architecture that was not complete when the device restarted."""
    verdict = Verdict("invalid", ("reboot: the device restarted before this was complete",))
    return _without_latency(arch, setting, own, verdict, context, own[-1].time)


def _without_latency(
    arch: Arch,
    setting: Setting,
    own: Sequence[Entry],
    verdict: Verdict,
    context: Context,
    measured_at: str,
) -> Measurement:
    return Measurement(
        arch,
        setting,
        verdict,
        None,
        blocks=tuple(_block(entry.block) for entry in own),
        context=_with_blocks(context, own, None),
        measured_at=measured_at,
    )


def _with_blocks(
    context: Context, own: Sequence[Entry], drift: Sequence[float] | None
) -> dict[str, Any]:
    factors: Sequence[float | None] = drift or [None] * len(own)
    blocks = [_circumstances(e, factor) for e, factor in zip(own, factors, strict=True)]
    return {**context, "blocks": blocks}


def _block(event: BlockEvent) -> Block:
    return Block(event.cold_ns, event.samples_ns, event.thread_cpu_ns, event.involuntary_switches)


def _circumstances(entry: Entry, drift: float | None) -> dict[str, Any]:
    block = entry.block
    return {
        "at": entry.time,
        "boot_id": entry.boot_id,
        "drift": drift,
        "converged": block.converged,
        "warm_up": block.warm_up,
        "providers": list(block.providers),
        "before": asdict(block.before),
        "after": asdict(block.after),
    }
