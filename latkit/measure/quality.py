"""How far a measurement can be believed.

``invalid`` never trains a predictor; ``suspect`` trains with less weight. A state that could not
be read raises no suspicion and allays none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from latkit.measure import stats
from latkit.measure.reference import same_output
from latkit.protocol import BlockEvent, DeviceState, Output
from latkit.types import Verdict

MAX_DISAGREEMENT = 0.05
MAX_TREND = 0.05
MAX_BIMODALITY = 0.05
MAX_FREQUENCY_SPREAD = 0.05
MAX_DRIFT = 0.15
MIN_CPU_SHARE = 0.9
MAX_STEAL = 0.02
MAX_PRESSURE = 0.2


def judge(
    blocks: Sequence[BlockEvent],
    drift: Sequence[float],
    *,
    expected: Output,
    provider: str,
    precision: str,
    threads: int,
) -> Verdict:
    """The verdict on one architecture from all its blocks, with the reasons for it.

    Args:
        blocks: at least one.
        drift: slowness of the device during each, relative to its usual self.
        expected: what the network should compute.
        provider: the one asked for.
        precision: decides how closely outputs must agree.
        threads: with one, time off the processor is time lost to others.
    """
    wrong = (
        *(reason for block in blocks for reason in _faults(block, expected, provider, precision)),
    )
    if wrong:
        return Verdict("invalid", _once(wrong))
    doubts = (
        *(reason for block in blocks for reason in _doubts(block, threads)),
        *_changes([state for block in blocks for state in (block.before, block.after)]),
        *_disagreements(blocks, drift),
    )
    return Verdict("suspect", _once(doubts)) if doubts else Verdict("valid")


def _once(reasons: Iterable[str]) -> tuple[str, ...]:
    """One reason of each kind, the first."""
    kinds: dict[str, str] = {}
    for reason in reasons:
        kinds.setdefault(reason.partition(":")[0], reason)
    return tuple(kinds.values())


def _faults(block: BlockEvent, expected: Output, provider: str, precision: str) -> Iterator[str]:
    if not same_output(block.output, expected, precision):
        yield "wrong output: differs from what the host computes"
    if block.providers and block.providers[0] != provider:
        yield f"wrong provider: asked for {provider}, ran on {block.providers[0]}"
    throttled = _increase(block.before.throttle_count, block.after.throttle_count)
    if throttled > 0:
        yield "throttled: the device slowed itself down"


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


def _interruptions(block: BlockEvent, threads: int) -> Iterator[str]:
    measured_ns = sum(block.samples_ns)
    share = block.thread_cpu_ns / measured_ns
    on_cpu = not block.providers or "CPU" in block.providers[0]
    if threads == 1 and on_cpu and share < MIN_CPU_SHARE:
        yield f"pre-empted: on a processor for {share:.0%} of the time"
    steal = _increase(block.before.steal_s, block.after.steal_s) * 1e9 / measured_ns
    if steal > MAX_STEAL:
        yield f"steal: the hypervisor took {steal:.0%} of the time"
    pressure = _increase(block.before.pressure_us, block.after.pressure_us) * 1e3 / measured_ns
    if pressure > MAX_PRESSURE:
        yield f"pressure: processes waited for a processor for {min(pressure, 1):.0%} of the time"


def _changes(states: Sequence[DeviceState]) -> Iterator[str]:
    frequencies = [state.frequency_mhz for state in states if state.frequency_mhz]
    spread = max(frequencies) / min(frequencies) - 1 if frequencies else 0.0
    if spread > MAX_FREQUENCY_SPREAD:
        yield f"frequency: changed by {spread:.0%}"
    governors = dict.fromkeys(state.governor for state in states if state.governor)
    if len(governors) > 1:
        yield f"governor: changed from {' to '.join(governors)}"


def _disagreements(blocks: Sequence[BlockEvent], drift: Sequence[float]) -> Iterator[str]:
    apart = stats.disagreement(stats.corrected_medians([b.samples_ns for b in blocks], drift))
    if apart > MAX_DISAGREEMENT:
        yield f"disagreement: processes differ by {apart:.0%}"
    worst = max(drift, key=lambda factor: abs(factor - 1))
    if abs(worst - 1) > MAX_DRIFT:
        yield f"drift: the canary network was {worst - 1:+.0%} off its usual latency"


def _increase(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else max(0.0, after - before)
