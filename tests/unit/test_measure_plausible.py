"""What a board claims is held against the host's clock, the stop rule and itself."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.measure.plausible import READINGS, Asked, contradiction, overclaim
from latkit.protocol import DAY_NS, BlockEvent, DeviceState, StopRule
from tests.unit.measured import block, steady

RULE = StopRule()
LONG = steady(n=400)
BLOCK = block(LONG)
ASKED = Asked(RULE, BLOCK.timing_ns, cpus=4, times_itself=False)


def test_an_honest_block_is_believed():
    assert contradiction(BLOCK) is None
    assert overclaim(BLOCK, ASKED) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"samples_ns": (1,) * 50_001 + (DAY_NS,) * 49_999}, "took 1 ns"),
        ({"samples_ns": (999,) * 100}, "took 999 ns"),
        ({"timing_ns": sum(LONG) // 2}, "of samples in"),
        ({"samples_ns": (DAY_NS,) * 100}, "of samples in"),
        ({"energy_mj": 1e8}, "which would be"),
        ({"before": DeviceState(frequency_mhz=1e30)}, "frequency_mhz was 1e"),
        ({"after": DeviceState(frequency_mhz=-1.0)}, "frequency_mhz was -1"),
        ({"after": DeviceState(temperature_c=2000.0)}, "temperature_c was 2000"),
        ({"after": DeviceState(gpu_mhz=-5.0)}, "gpu_mhz"),
        ({"before": DeviceState(gpu_temperature_c=-274.0)}, "gpu_temperature_c"),
        ({"before": DeviceState(load=-0.5)}, "load"),
        ({"after": DeviceState(steal_s=1e300)}, "steal_s"),
    ],
)
def test_figures_that_contradict_one_another(changes: dict, said: str):
    assert said in (contradiction(replace(BLOCK, **changes)) or "")


@pytest.mark.parametrize("name", READINGS)
def test_a_reading_is_no_contradiction_within_its_bounds(name: str):
    for value in (*READINGS[name], None):
        assert contradiction(replace(BLOCK, before=DeviceState(**{name: value}))) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"timing_ns": 3 * BLOCK.timing_ns}, "of timing, but the answer came after"),
        ({"cold_ns": 3 * BLOCK.timing_ns}, "of the cold run, but"),
        ({"thread_cpu_ns": 3 * BLOCK.timing_ns}, "of CPU time, but"),
        ({"samples_ns": LONG * 4}, "of samples, but the answer came after"),
        ({"output": None}, "does not show what the network computed"),
        ({"samples_ns": LONG[:63], "timing_ns": int(2.4e9), "thread_cpu_ns": 1}, "63 samples in"),
        (
            {"samples_ns": LONG[:1] * 11, "timing_ns": int(2.6e9), "thread_cpu_ns": 1},
            "of samples, where",
        ),
        ({"samples_ns": LONG, "timing_ns": int(0.9e9)}, "where 1 s were asked for"),
        ({"samples_ns": tuple(each // 100 for each in LONG)}, "of CPU time in"),
        ({"samples_ns": LONG[:64][::2] * 2, "thread_cpu_ns": 10**9 * 3}, "of CPU time in"),
        (
            {"samples_ns": tuple(each // 100 for each in LONG), "thread_cpu_ns": 0},
            "of samples, where",
        ),
    ],
)
def test_claims_that_the_host_knows_better(changes: dict, said: str):
    assert said in (overclaim(replace(BLOCK, **changes), ASKED) or "")


@pytest.mark.parametrize(
    ("samples", "timing_s"),
    [(63, 2.5), (12, 2.5), (1, 50.0), (64, 1.0), (20_000, 0.1)],
)
def test_the_stop_rule_explains_few_samples_and_little_time(samples: int, timing_s: float):
    timing_ns = int(timing_s * 1e9)
    samples_ns = (timing_ns // (2 * samples),) * samples
    slow = replace(BLOCK, samples_ns=samples_ns, timing_ns=timing_ns, thread_cpu_ns=sum(samples_ns))
    asked = replace(ASKED, elapsed_ns=200 * 10**9)
    assert overclaim(slow, asked) is None


def test_a_program_that_times_itself_is_bound_by_the_clock_alone():
    asked = replace(ASKED, times_itself=True)
    own = replace(BLOCK, samples_ns=LONG[:6], output=None, thread_cpu_ns=3 * BLOCK.timing_ns)
    assert overclaim(own, asked) is None
    assert "CPU time" in (overclaim(own, replace(asked, cpus=1)) or "")
    assert "timing" in (overclaim(replace(own, timing_ns=DAY_NS), asked) or "")


FIGURE = st.integers(1, DAY_NS)
READING = st.none() | st.floats(allow_nan=False, allow_infinity=False)
STATE = st.builds(DeviceState, READING, READING, st.none(), READING, st.none(), READING)


@given(
    st.builds(
        replace,
        st.just(BLOCK),
        samples_ns=st.lists(FIGURE, min_size=1, max_size=30).map(tuple),
        timing_ns=FIGURE,
        cold_ns=FIGURE,
        thread_cpu_ns=st.integers(0, 2**62),
        energy_mj=st.none() | st.floats(1e-300, 1e9),
        before=STATE,
        after=STATE,
    ),
    st.integers(0, DAY_NS),
)
def test_whatever_is_claimed_there_is_an_answer(claimed: BlockEvent, elapsed_ns: int):
    asked = replace(ASKED, elapsed_ns=elapsed_ns)
    for reason in (contradiction(claimed), overclaim(claimed, asked)):
        assert reason is None or (reason.isprintable() and len(reason) < 200)
    if contradiction(claimed) is None and overclaim(claimed, asked) is None:
        assert sum(claimed.samples_ns) <= 1.02 * elapsed_ns + 2.1e7
        assert math.isfinite(sum(claimed.samples_ns))
