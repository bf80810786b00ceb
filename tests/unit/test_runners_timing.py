"""The timing loop, on a clock that the test turns."""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.measure import stats
from tests.conformance.runner import RUNNERS

MS = 1_000_000
RULE = {"min_samples": 64, "min_s": 1.0, "max_s": 3.0, "half_width": 0.01, "warm_up_s": 0.5}


@pytest.fixture
def timing(monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("timing", RUNNERS / "timing.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Device:
    """Inferences take what ``durations`` says, on a clock of its own."""

    def __init__(self, timing, monkeypatch: pytest.MonkeyPatch, durations: Iterator[float]):
        self.now = 0
        self.runs = 0
        self.durations = durations
        self.states = []
        monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: self.now)
        monkeypatch.setattr(timing.time, "thread_time_ns", lambda: self.now // 2)

    def run(self) -> None:
        self.runs += 1
        self.now += round(next(self.durations) * MS)

    def state(self) -> dict[str, int]:
        self.states.append(self.runs)
        return {"now": self.now}


class Meter:
    """Notes after how many inferences it was told what."""

    def __init__(self, device: Device):
        self.device = device
        self.told = []

    def begin(self) -> None:
        self.told.append((self.device.runs, len(self.device.states)))

    def end(self) -> None:
        self.told.append((self.device.runs, len(self.device.states)))


def test_a_meter_sees_the_samples_alone(timing, monkeypatch: pytest.MonkeyPatch):
    device = Device(timing, monkeypatch, itertools.repeat(10.0))
    meter = Meter(device)
    block = timing.time_model(device.run, RULE, device.state, meter)
    monkeypatch.undo()
    (first, states_before), (last, states_after) = meter.told
    assert last - first == len(block["samples_ns"])
    assert (states_before, states_after) == (1, 1)


@pytest.fixture
def measure(timing, monkeypatch: pytest.MonkeyPatch):
    def measure_durations(durations, **rule):
        device = Device(timing, monkeypatch, iter(durations))
        block = timing.time_model(device.run, {**RULE, **rule}, device.state)
        monkeypatch.undo()
        return block, device

    return measure_durations


def test_the_cold_run_is_apart(measure):
    block, _ = measure(itertools.chain([900.0], itertools.repeat(10.0)))
    assert block["cold_ns"] == 900 * MS
    assert set(block["samples_ns"]) == {10 * MS}


def test_a_steady_device_stops_after_the_least(measure):
    block, device = measure(itertools.repeat(10.0))
    assert block["converged"]
    assert len(block["samples_ns"]) == 100  # one second of 10 ms each
    assert block["thread_cpu_ns"] == 500 * MS
    assert block["timing_ns"] == device.now


def test_a_slow_device_goes_on_until_it_has_enough(measure):
    block, _ = measure(itertools.repeat(20.0))
    assert block["converged"]
    assert 64 <= len(block["samples_ns"]) < 100


def test_the_cap_holds_whatever_happens(measure):
    block, _ = measure(itertools.repeat(100.0))
    assert block["converged"]
    assert len(block["samples_ns"]) == 30


def test_a_dozen_runs_of_a_slow_network_are_awaited_but_not_for_ever(measure):
    block, _ = measure(itertools.repeat(400.0))
    assert block["converged"]
    assert len(block["samples_ns"]) == 12
    block, _ = measure(itertools.repeat(15_000.0))
    assert not block["converged"]  # the interval of a median takes six
    assert len(block["samples_ns"]) == 4


def test_a_noisy_device_is_sampled_longer_and_then_called_unconverged(measure):
    rng = np.random.default_rng(0)
    block, _ = measure(10 * (1 + rng.random(10_000)))
    assert not block["converged"]
    assert sum(block["samples_ns"]) >= 3e9
    block, _ = measure(10 * (1 + 0.1 * rng.random(10_000)))
    assert block["converged"]
    assert sum(block["samples_ns"]) < 3e9


def test_samples_are_kept_in_order_and_none_is_removed(measure):
    durations = [10.0 + (number % 7) + 500 * (number == 50) for number in range(1000)]
    block, device = measure(durations)
    first = device.runs - len(block["samples_ns"])
    assert block["samples_ns"] == [round(d * MS) for d in durations[first : device.runs]]


def test_there_is_a_most_number_of_samples(measure, timing):
    block, _ = measure(itertools.repeat(1e-5))
    assert len(block["samples_ns"]) == timing.MAX_SAMPLES


def test_warming_up_ends_when_two_windows_agree(measure):
    cooling = itertools.chain(np.linspace(60, 10, 30), itertools.repeat(10.0))
    block, _ = measure(cooling, warm_up_s=3.0)
    assert 30 < block["warm_up"] < 80
    steady, _ = measure(itertools.repeat(10.0))
    assert steady["warm_up"] == 10  # two windows of five


def test_warming_up_is_capped(measure):
    falling = (1000 * 0.97**number for number in itertools.count())
    block, _ = measure(falling, warm_up_s=2.0)
    assert block["warm_up"] <= 4


def test_warming_up_may_be_over_between_two_looks_at_the_clock(timing, monkeypatch):
    """As on a busy device: the process is put aside where it is about to begin a window."""
    step = 30 * MS
    ticks = itertools.count(0, step)
    monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: next(ticks))
    for looks in range(1, 40):
        assert timing.warm(lambda: None, looks * step / 1e9) >= 0


def test_state_is_read_between_runs_while_the_device_is_warm(measure):
    block, device = measure(itertools.repeat(10.0))
    assert device.states == [1 + block["warm_up"], device.runs]
    assert block["before"]["now"] < block["after"]["now"]


def test_collecting_garbage_is_off_while_timing_and_on_again(timing, measure):
    import gc

    seen = []

    def durations():
        while True:
            seen.append(gc.isenabled())
            yield 10.0

    measure(durations())
    assert not any(seen)
    assert gc.isenabled()


@given(st.lists(st.integers(1, 10**9), min_size=6, max_size=300))
def test_device_and_host_agree_on_the_interval(samples: list[int]):
    spec = importlib.util.spec_from_file_location("timing", RUNNERS / "timing.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = stats.median_interval(samples)
    half_width = (found.upper - found.lower) / 2 / found.median
    assert module.half_width(samples) == pytest.approx(half_width)


def test_few_samples_have_no_interval(timing):
    assert timing.half_width([1, 1, 1, 1, 1]) == math.inf
