"""Whether what a device tells of a block can be true.

A device's figures are claims. What the host knows for itself bounds them: what it asked for, how
long it waited for the answer, and that a block's figures must fit together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median

from latkit.protocol import BlockEvent, DeviceState, StopRule

MIN_LATENCY_NS = 1_000
"""No runtime is called and returns in less."""
MAX_POWER_W = 10_000
MOST_SAMPLES = 20_000
FEWEST_SAMPLES = 12
PATIENCE = 20
"""As ``timing.py`` of the runners has them: it stops at the most, and waits for the fewest of a
slow model for so many times ``max_s``."""
CLOCK_SLACK = 1.01
CLOCK_SLACK_NS = 20_000_000
"""Two clocks differ, and a moment passes between reading one and the other."""
BETWEEN_RUNS = 4
BETWEEN_RUNS_NS = 500_000_000
"""What reading clocks takes besides the runs, at most, as a multiple of them; and looking at them
all now and then whether they suffice."""
READINGS: dict[str, tuple[float, float]] = {
    "frequency_mhz": (0, 20_000),
    "gpu_mhz": (0, 20_000),
    "temperature_c": (-90, 250),
    "gpu_temperature_c": (-90, 250),
    "load": (0, 1e6),
    "steal_s": (0, 1e10),
}
"""What a reading can be; ``state.py`` of the runners takes other temperatures for unknown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the host knows of a block besides what the device tells.

    ``elapsed_ns`` passed between request and answer, on the host's clock. A runtime that
    ``times_itself`` need not follow the rule nor show its output, and may count the CPU time of all
    ``cpus``.
    """

    rule: StopRule
    elapsed_ns: int
    cpus: int
    times_itself: bool


def contradiction(block: BlockEvent) -> str | None:
    """Why a block's own figures cannot all be true; None where they can."""
    return next(_contradictions(block), None)


def overclaim(block: BlockEvent, asked: Asked) -> str | None:
    """Why a block cannot be the answer to what was asked when; None where it can."""
    return next(_overclaims(block, asked), None)


def _contradictions(block: BlockEvent) -> Iterator[str]:
    shortest = min(block.samples_ns)
    if shortest < MIN_LATENCY_NS:
        yield f"an inference took {shortest} ns, which no runtime can"
    total_ns = sum(block.samples_ns)
    if total_ns > CLOCK_SLACK * block.timing_ns:
        yield f"{_s(total_ns)} of samples in {_s(block.timing_ns)} of timing"
    power_w = (block.energy_mj or 0.0) * 1e6 / median(block.samples_ns)
    if power_w > MAX_POWER_W:
        yield f"an inference took {block.energy_mj:g} mJ, which would be {power_w:.0f} W"
    yield from _misreadings(block.before)
    yield from _misreadings(block.after)


def _misreadings(state: DeviceState) -> Iterator[str]:
    told = asdict(state)
    for name, (lowest, highest) in READINGS.items():
        value = told[name]
        if value is not None and not lowest <= value <= highest:
            yield f"{name} was {value:g}, which is not from {lowest:g} to {highest:g}"


def _overclaims(block: BlockEvent, asked: Asked) -> Iterator[str]:
    limit_ns = CLOCK_SLACK * asked.elapsed_ns + CLOCK_SLACK_NS
    spent = {
        "samples": sum(block.samples_ns),
        "timing": block.timing_ns,
        "the cold run": block.cold_ns,
        "CPU time": block.thread_cpu_ns // (asked.cpus if asked.times_itself else 1),
    }
    for name, claimed_ns in spent.items():
        if claimed_ns > limit_ns:
            yield f"{_s(claimed_ns)} of {name}, but the answer came after {_s(asked.elapsed_ns)}"
    if not asked.times_itself:
        yield from _shortfalls(block, asked.rule)


def _shortfalls(block: BlockEvent, rule: StopRule) -> Iterator[str]:
    if block.output is None:
        yield "it does not show what the network computed"
    count, sampled_ns = len(block.samples_ns), sum(block.samples_ns)
    if block.thread_cpu_ns > BETWEEN_RUNS * sampled_ns + BETWEEN_RUNS_NS:
        yield f"{_s(block.thread_cpu_ns)} of CPU time in {_s(sampled_ns)} of samples"
    if count >= MOST_SAMPLES:
        return
    if BETWEEN_RUNS * sampled_ns < rule.min_s * 1e9:
        yield f"{_s(sampled_ns)} of samples, where {rule.min_s:g} s were asked for"
    if block.timing_ns < rule.min_s * 1e9:
        yield f"timed for {_s(block.timing_ns)}, where {rule.min_s:g} s were asked for"
    waited_s = rule.max_s if count >= FEWEST_SAMPLES else PATIENCE * rule.max_s
    if count < rule.min_samples and block.timing_ns < waited_s * 1e9:
        yield f"{count} samples in {_s(block.timing_ns)}, where {rule.min_samples} were asked for"


def _s(nanoseconds: float) -> str:
    return f"{nanoseconds / 1e9:.3g} s"
