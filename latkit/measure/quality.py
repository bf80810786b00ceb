"""How far a measurement can be believed.

``invalid`` never trains a predictor; ``suspect`` trains with less weight. A state that could not
be read raises no suspicion and allays none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from latkit.devices.runtimes import on_processor
from latkit.measure import stats
from latkit.measure.drift import ABSURD, Drift
from latkit.measure.journal import Entry
from latkit.measure.plan import ROUNDS
from latkit.measure.reference import same_output
from latkit.measurement import Verdict
from latkit.protocol import BlockEvent, DeviceState, Output

MAX_DISAGREEMENT = 0.05
MAX_TREND = 0.05
MAX_BIMODALITY = 0.05
MAX_FREQUENCY_SPREAD = 0.05
MAX_DRIFT = 0.15
MAX_CHANGE = 0.03
MIN_CPU_SHARE = 0.9
MAX_STEAL = 0.02
MAX_PRESSURE = 0.2
SOFT_LIMITS = {"GPU power cap"}
"""What a device may run at all its life; ``gpu.py`` of the runners names it."""


MUCH_LOST = 0.5
"""Share of the time off the processor that leaves no room for a calm window."""
UNSEEN = 0.004
"""Relative standard error that every label has and no process of its own campaign shows.

Learned from campaigns over the same networks, hours apart: docs/measurement.md.
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One block, how slow the device was then (None: unknown), and what speaks against it.

    ``spread`` is the relative standard deviation of the canary's timings in the campaign, ``lost``
    the share of the time off the processor, where that is time lost to others.
    """

    entry: Entry
    drift: float | None = None
    doubts: tuple[str, ...] = ()
    spread: float = 0.0
    lost: float = 0.0

    @property
    def factor(self) -> float:
        """What the samples are to be divided by."""
        return self.drift or 1.0


def sighting(entry: Entry, drift: Drift | None, threads: int) -> Sighting:
    """What is to be said of one block.

    Args:
        entry: the block and its time.
        drift: how fast the device was.
        threads: with one, time off the processor is time lost to others.
    """
    doubts, lost = list(_doubts(entry.block, threads)), _lost(entry.block, threads)
    if drift is None:
        return Sighting(entry, None, tuple(doubts), lost=lost)
    factor, change = drift.at(entry.at), drift.change(entry.at)
    if abs(factor - 1) > MAX_DRIFT:
        doubts.append(f"drift: the canary network was {factor - 1:+.0%} off its usual latency")
    elif change > MAX_CHANGE:
        doubts.append(f"drift: the canary network changed by {change:.0%} meanwhile")
    return Sighting(entry, factor, tuple(doubts), drift.spread, lost)


def unsure(seen: Sequence[Sighting], verdict: Verdict) -> float:
    """Relative standard error of a label that its own processes do not show.

    They ran within minutes of one another; another campaign runs in another hour. How far two hours
    are apart, the canary tells: a network that is timed throughout, of whose timings a label is the
    mean of two. Where something speaks against the measurement, the variance is twice as large. And
    processes that all were off the processor for most of their time may have had no calm window.
    """
    variance = UNSEEN**2 + max(each.spread for each in seen) ** 2 / 2
    if verdict.level != "valid":
        variance *= 2
    lost = min(each.lost for each in seen)
    return float((variance + lost**2 * (lost > MUCH_LOST)) ** 0.5)


def apart(seen: Sequence[Sighting]) -> float:
    """Relative difference of the two fastest blocks, each freed from drift."""
    return stats.disagreement([each.entry.calm_ns / each.factor for each in seen])


def judge(
    seen: Sequence[Sighting],
    *,
    expected: Output,
    provider: str,
    precision: str,
) -> Verdict:
    """The verdict on one architecture from all its blocks, with the reasons for it.

    As many blocks as there are rounds, against which nothing speaks, are enough, whatever happened
    to the others.

    Args:
        seen: at least one.
        expected: what the network should compute.
        provider: the one asked for.
        precision: decides how closely outputs must agree.
    """
    blocks = [each.entry.block for each in seen]
    wrong = [fault for block in blocks for fault in faults(block, expected, provider, precision)]
    wrong += [fault for each in seen for fault in _absurdity(each)]
    if wrong:
        return Verdict("invalid", _once(wrong))
    doubts = [doubt for each in seen for doubt in each.doubts]
    if sum(not each.doubts for each in seen) >= ROUNDS:
        doubts = []
    doubts += _changes([state for block in blocks for state in (block.before, block.after)])
    if (difference := apart(seen)) > MAX_DISAGREEMENT:
        doubts.append(f"disagreement: processes differ by {difference:.0%}")
    return Verdict("suspect", _once(doubts)) if doubts else Verdict("valid")


def _once(reasons: Iterable[str]) -> tuple[str, ...]:
    """One reason of each kind, the first."""
    kinds: dict[str, str] = {}
    for reason in reasons:
        kinds.setdefault(reason.partition(":")[0], reason)
    return tuple(kinds.values())


def faults(block: BlockEvent, expected: Output, provider: str, precision: str) -> Iterator[str]:
    if block.output and not same_output(block.output, expected, precision):
        yield "wrong output: differs from what the host computes"
    if block.providers and block.providers[0] != provider:
        yield f"wrong provider: asked for {provider}, ran on {block.providers[0]}"
    yield from _throttling(block.before, block.after)


def _absurdity(seen: Sighting) -> Iterator[str]:
    if not 1 / ABSURD <= seen.factor <= ABSURD:
        yield f"absurd drift: the canary network took {seen.factor:.2g} times its usual latency"


def _throttling(before: DeviceState, after: DeviceState) -> Iterator[str]:
    """What slowed the device down. What was only noted before the block is not held against it."""
    if _increase(before.throttle_count, after.throttle_count) > 0:
        yield "throttled: the device slowed itself down for heat"
    if _increase(before.over_current_count, after.over_current_count) > 0:
        yield "throttled: slowed down for over-current or under-voltage"
    active = {*(before.limits or ()), *(after.limits or ())} - SOFT_LIMITS
    begun = set(after.limits_since_boot or ()) - set(before.limits_since_boot or ())
    if before.limits_since_boot is None:
        begun = set()
    if active | begun:
        yield f"throttled: {', '.join(sorted(active | begun))}"


def _doubts(block: BlockEvent, threads: int) -> Iterator[str]:
    if not block.converged:
        yield "unconverged: the median is not known to 1 %"
    change = stats.trend(block.samples_ns)
    if abs(change) > MAX_TREND:
        yield f"trend: {change:+.0%} within one process"
    distance = stats.bimodality(block.samples_ns)
    if distance > MAX_BIMODALITY:
        yield f"bimodal: two latencies, {distance:.0%} apart"
    yield from _interruptions(block, threads)


def calm(block: BlockEvent, threads: int) -> bool:
    """Whether nothing that can be read tells of other processes or machines in the way."""
    return not any(_interruptions(block, threads))


def _lost(block: BlockEvent, threads: int) -> float:
    """Share of the time off the processor, 0 where it is unknown whether others had that."""
    alone = threads == 1 and all(map(on_processor, block.providers[:1]))
    if not (alone and block.output):
        return 0.0
    return max(0.0, 1 - block.thread_cpu_ns / sum(block.samples_ns))


def _interruptions(block: BlockEvent, threads: int) -> Iterator[str]:
    # A program that timed itself, and kept its output, is watched from its start to its end.
    measured_ns = sum(block.samples_ns) if block.output else block.timing_ns
    share = 1 - _lost(block, threads)
    if share < MIN_CPU_SHARE:
        yield f"pre-empted: on a processor for {share:.0%} of the time"
    steal = _increase(block.before.steal_s, block.after.steal_s) * 1e9 / measured_ns
    if steal > MAX_STEAL:
        yield f"steal: the hypervisor took {steal:.0%} of the time"
    pressure = _increase(block.before.pressure_us, block.after.pressure_us) * 1e3 / measured_ns
    if pressure > MAX_PRESSURE:
        yield f"pressure: processes waited for a processor for {min(pressure, 1):.0%} of the time"


def _changes(states: Sequence[DeviceState]) -> Iterator[str]:
    spread = _spread(state.frequency_mhz for state in states)
    if spread > MAX_FREQUENCY_SPREAD:
        yield f"frequency: changed by {spread:.0%}"
    governors = dict.fromkeys(state.governor for state in states if state.governor)
    if len(governors) > 1:
        yield f"governor: changed from {' to '.join(governors)}"
    yield from _gpu_changes(states)
    modes = dict.fromkeys(state.power_mode for state in states if state.power_mode)
    if len(modes) > 1:
        yield f"power mode: changed from {' to '.join(modes)}"


def _gpu_changes(states: Sequence[DeviceState]) -> Iterator[str]:
    spread = _spread(state.gpu_mhz for state in states)
    if spread > MAX_FREQUENCY_SPREAD:
        yield f"GPU frequency: changed by {spread:.0%}"
    known = [set(state.limits) & SOFT_LIMITS for state in states if state.limits is not None]
    # All along, it is how fast this device is; now and then, nobody knows how often.
    for limit in sorted(SOFT_LIMITS):
        if 0 < sum(limit in limits for limits in known) < len(known):
            yield f"{limit}: for a part of the time"


def _spread(frequencies_mhz: Iterable[float | None]) -> float:
    known = [mhz for mhz in frequencies_mhz if mhz]
    return max(known) / min(known) - 1 if known else 0.0


def _increase(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else max(0.0, after - before)
