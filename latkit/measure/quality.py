"""How far a measurement can be believed.

``invalid`` never trains a predictor; ``suspect`` trains with less weight. A state that could not
be read raises no suspicion and allays none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from latkit.measure import stats
from latkit.measure.reference import same_output
from latkit.protocol import BlockEvent, Output
from latkit.types import Verdict

MAX_DISAGREEMENT = 0.05
MAX_TREND = 0.05
MAX_FREQUENCY_SPREAD = 0.05
MAX_DRIFT = 0.15
MIN_CPU_SHARE = 0.9
MAX_STEAL = 0.02
TICK_NS = 10_000_000


def judge(
    blocks: Sequence[BlockEvent],
    drift: Sequence[float],
    *,
    expected: Output,
    provider: str,
    precision: str,
    threads: int,
) -> Verdict:
    """The verdict on one architecture from all its blocks, with the reasons for it."""
    wrong = tuple(dict.fromkeys(_faults(blocks, expected, provider, precision)))
    if wrong:
        return Verdict("invalid", wrong)
    doubts = tuple(dict.fromkeys(_doubts(blocks, drift, threads)))
    return Verdict("suspect", doubts) if doubts else Verdict("valid")


def _faults(
    blocks: Sequence[BlockEvent], expected: Output, provider: str, precision: str
) -> Iterator[str]:
    for block in blocks:
        if not same_output(block.output, expected, precision):
            yield "wrong output: differs from what the host computes"
        if block.providers[:1] != (provider,):
            used = ", ".join(block.providers) or "none"
            yield f"asked for {provider}, ran on {used}"
        before, after = block.before.throttle_count, block.after.throttle_count
        if before is not None and after is not None and after > before:
            yield "throttled: the device slowed itself down"


def _doubts(blocks: Sequence[BlockEvent], drift: Sequence[float], threads: int) -> Iterator[str]:
    for block in blocks:
        if not block.converged:
            yield "unconverged: the median is not known to 1 %"
        change = stats.trend(block.samples_ns)
        if abs(change) > MAX_TREND:
            yield f"trend: {change:+.0%} within one process"
        share = block.thread_cpu_ns / sum(block.samples_ns)
        if threads == 1 and "CPU" in block.providers[0] and share < MIN_CPU_SHARE:
            yield f"pre-empted: on a processor for {share:.0%} of the time"
        steal = _steal(block)
        if steal > MAX_STEAL:
            yield f"steal: the hypervisor took {steal:.0%} of the time"
    spread = _frequency_spread(blocks)
    if spread > MAX_FREQUENCY_SPREAD:
        yield f"frequency changed by {spread:.0%}"
    medians = [stats.median_interval(block.samples_ns).median for block in blocks]
    apart = stats.disagreement([m / f for m, f in zip(medians, drift, strict=True)])
    if apart > MAX_DISAGREEMENT:
        yield f"processes disagree by {apart:.0%}"
    if len(blocks) < 2:
        yield "only one process was timed"
    worst = max(abs(factor - 1) for factor in drift)
    if worst > MAX_DRIFT:
        yield f"drift: the canary network was off by {worst:.0%}"


def _steal(block: BlockEvent) -> float:
    before, after = block.before.steal_ticks, block.after.steal_ticks
    if before is None or after is None:
        return 0.0
    return max(0, after - before) * TICK_NS / block.timing_ns


def _frequency_spread(blocks: Sequence[BlockEvent]) -> float:
    readings = [state.frequency_mhz for block in blocks for state in (block.before, block.after)]
    known = [value for value in readings if value]
    return max(known) / min(known) - 1 if known else 0.0
