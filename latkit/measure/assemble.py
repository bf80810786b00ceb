"""From the blocks of one subject to its measurement."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from latkit.condition import Condition
from latkit.measure import quality, stats
from latkit.measure.journal import Entry, iso_time
from latkit.measure.quality import Sighting
from latkit.measurement import Block, Measurement, Verdict
from latkit.protocol import BlockEvent, Failed, Output
from latkit.subjects import Subject

Context = Mapping[str, Any]


def measurement(
    subject: Subject,
    condition: Condition,
    seen: Sequence[Sighting],
    *,
    expected: Output,
    provider: str,
    context: Context,
) -> Measurement:
    """What blocks of several processes say together.

    Its time is that of its last block.

    Args:
        subject: the network.
        condition: under which it was timed.
        seen: its blocks, oldest first, and how slow the device was; where that is unknown, the
            latency is left as it was timed.
        expected: what the network should compute.
        provider: the one asked for.
        context: of the session.
    """
    blocks = [each.entry.block for each in seen]
    verdict = quality.judge(
        seen, expected=expected, provider=provider, precision=condition.precision
    )
    label = stats.label(
        [block.samples_ns for block in blocks],
        [each.factor for each in seen],
        unsure=quality.unsure(seen, verdict),
    )
    return Measurement(
        subject,
        condition,
        verdict,
        **asdict(label),
        blocks=tuple(map(_block, blocks)),
        context={**context, "blocks": list(map(_circumstances, seen))},
        measured_at=seen[-1].entry.time,
        energy_mj=_energy_mj(blocks),
    )


def moments(measurement: Measurement) -> set[str]:
    """When the blocks of a stored measurement were timed; empty where it does not tell."""
    blocks = measurement.context.get("blocks")
    if not isinstance(blocks, list):  # imported from a file that nobody knows
        return set()
    told = (each.get("at") for each in blocks if isinstance(each, dict))
    return {moment for moment in told if isinstance(moment, str)}


def _energy_mj(blocks: Sequence[BlockEvent]) -> float | None:
    known = [block.energy_mj for block in blocks if block.energy_mj is not None]
    return median(known) if known else None


def failure(
    subject: Subject, condition: Condition, own: Sequence[Entry], event: Failed, context: Context
) -> Measurement:
    """Of a subject that could not be timed, with what had been timed of it before."""
    verdict = Verdict("invalid", (f"{event.kind}: {event.detail}",))
    return _without_latency(subject, condition, own, verdict, context, iso_time(time.time()))


def restarted(
    subject: Subject, condition: Condition, own: Sequence[Entry], context: Context
) -> Measurement:
    """Of a subject that was not complete when the device restarted."""
    verdict = Verdict("invalid", ("reboot: the device restarted before this was complete",))
    return _without_latency(subject, condition, own, verdict, context, own[-1].time)


def _without_latency(
    subject: Subject,
    condition: Condition,
    own: Sequence[Entry],
    verdict: Verdict,
    context: Context,
    measured_at: str,
) -> Measurement:
    return Measurement(
        subject,
        condition,
        verdict,
        None,
        blocks=tuple(_block(entry.block) for entry in own),
        context={**context, "blocks": [_circumstances(Sighting(entry)) for entry in own]},
        measured_at=measured_at,
    )


def _block(event: BlockEvent) -> Block:
    return Block(event.cold_ns, event.samples_ns, event.thread_cpu_ns, event.involuntary_switches)


def _circumstances(seen: Sighting) -> dict[str, Any]:
    entry, block = seen.entry, seen.entry.block
    return {
        "at": entry.time,
        "boot_id": entry.boot_id,
        "drift": seen.drift,
        "doubts": list(seen.doubts),
        "converged": block.converged,
        "warm_up": block.warm_up,
        "providers": list(block.providers),
        "before": asdict(block.before),
        "after": asdict(block.after),
        "energy_mj": block.energy_mj,
        "energy_of": block.energy_of,
    }
