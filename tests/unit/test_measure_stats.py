"""Statistics of latency samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from latkit.measure import stats
from tests.unit.measured import steady

SAMPLES = st.lists(st.integers(1, 10**10), min_size=1, max_size=200)


@pytest.mark.parametrize("count", [6, 7, 8, 10, 25, 64, 100, 999, 5000])
def test_the_interval_holds_the_median_at_least_95_times_in_100(count: int):
    samples = list(range(1, count + 1))
    interval = stats.median_interval(samples)
    low, high = int(interval.lower) - 1, int(interval.upper) - 1
    # The true median lies between two order statistics as a binomial count does.
    coverage = binom.cdf(high, count, 0.5) - binom.cdf(low, count, 0.5)
    assert coverage >= 0.95
    assert interval.lower + interval.upper == 2 * interval.median


@given(SAMPLES)
def test_the_interval_is_of_the_samples_and_in_order(samples: list[int]):
    interval = stats.median_interval(samples)
    assert min(samples) <= interval.lower <= interval.median <= interval.upper <= max(samples)
    assert interval.median == np.median(samples)


@given(SAMPLES, st.randoms())
def test_the_order_of_samples_does_not_matter(samples: list[int], random):
    shuffled = list(samples)
    random.shuffle(shuffled)
    assert stats.median_interval(shuffled) == stats.median_interval(samples)


def test_trend():
    rising = [int(1e6 * (1 + 0.2 * i / 300)) for i in range(300)]
    assert stats.trend(rising) == pytest.approx(0.2 * 2 / 3, rel=0.1)
    assert stats.trend(rising[::-1]) < -0.1
    assert stats.trend(steady(n=300)) == 0.0
    assert stats.trend([1, 100, 10_000]) == 0.0


def test_noise_is_no_trend():
    rng = np.random.default_rng(0)
    found = [stats.trend([int(v) for v in 1e6 * rng.lognormal(0, 0.3, 64)]) for _ in range(300)]
    assert np.mean(np.abs(found) > 0.05) < 0.02


@pytest.mark.parametrize("share", [0.5, 0.3, 0.7])
def test_two_modes_are_seen(share: float):
    rng = np.random.default_rng(0)
    slow = rng.random(200) < share
    samples = 1e6 * np.where(slow, rng.normal(1.2, 0.01, 200), rng.normal(1, 0.01, 200))
    assert stats.bimodality([int(v) for v in samples]) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(1, 0.02, 200),
        lambda rng: rng.lognormal(0, 0.4, 200),
        lambda rng: 1 + rng.random(200),
        lambda rng: 1 + 0.02 * rng.pareto(1, 200),
        lambda rng: np.where(rng.random(200) < 0.9, 1, 2) * rng.normal(1, 0.01, 200),
        lambda rng: np.ones(200),
    ],
)
def test_one_mode_with_a_tail_is_one(draw):
    rng = np.random.default_rng(0)
    found = [stats.bimodality([int(v) for v in 1e6 * draw(rng)]) for _ in range(50)]
    assert np.mean(np.array(found) > 0.05) <= 0.04


def test_few_samples_have_no_modes():
    assert stats.bimodality([1] * 10 + [2] * 10) == 0.0


def test_disagreement_is_that_of_the_two_fastest():
    assert stats.disagreement([100.0]) == 0.0
    assert stats.disagreement([110.0, 100.0]) == pytest.approx(0.1)
    assert stats.disagreement([100.0, 200.0, 201.0]) == pytest.approx(1.0)


def test_a_quiet_block_is_calm_throughout():
    samples = steady(5.0, n=400)
    assert stats.calm(samples).median == pytest.approx(5e6, rel=0.01)


def test_calm_is_found_between_disturbances():
    disturbed, quiet = steady(8.0, n=150), steady(5.0, n=40)
    found = stats.calm([*disturbed, *quiet, *disturbed])
    assert found.median == pytest.approx(5e6, rel=0.01)
    assert found.lower < found.median < found.upper < 5.2e6


def test_a_few_lucky_runs_are_no_calm():
    samples = [*steady(5.0, n=100), 1, 2, 3, *steady(5.0, n=100)]
    assert stats.calm(samples).median == pytest.approx(5e6, rel=0.01)


@given(SAMPLES)
def test_calm_is_within_the_samples_and_no_slower_than_all_of_them(samples: list[int]):
    found = stats.calm(samples)
    assert min(samples) <= found.lower <= found.median <= found.upper <= max(samples)
    if len(samples) < stats.CALM_RUNS:
        assert found.median == np.median(samples)


def test_a_label_is_that_of_the_two_fastest_processes_freed_from_drift():
    label = stats.label([steady(9.0), steady(6.0), steady(5.05)], [1.0, 1.2, 1.0])
    assert label.latency_ms == pytest.approx(5.025, rel=0.01)
    assert label.lower_ms < label.latency_ms < label.upper_ms
    assert label.p10_ms < label.p90_ms
    assert stats.NOISE_FLOOR <= label.noise < 0.01


def test_noise_grows_where_processes_disagree():
    calm = stats.label([steady(5.0), steady(5.0, seed=1)], [1.0, 1.0])
    odd = stats.label([steady(5.0), steady(6.0)], [1.0, 1.0])
    assert odd.noise == pytest.approx(0.5 / 5.5, rel=0.05)
    assert calm.noise < 0.005


@given(st.lists(SAMPLES, min_size=1, max_size=3))
def test_a_label_of_whatever_was_timed_is_finite(blocks: list[list[int]]):
    label = stats.label(blocks, [1.0] * len(blocks))
    assert 0 < label.lower_ms <= label.latency_ms <= label.upper_ms
    assert np.isfinite(label.noise)


def test_however_long_a_sample_is_there_are_no_more_windows_than_samples():
    assert stats.calm([1] * 50_001 + [86_400 * 10**9] * 49_999).median == 1.0


def test_what_processes_do_not_show_is_added():
    blocks = [steady(5.0), steady(5.0, seed=1)]
    shown, more = stats.label(blocks, [1.0, 1.0]), stats.label(blocks, [1.0, 1.0], unsure=0.01)
    assert more.latency_ms == shown.latency_ms
    assert more.noise == pytest.approx(np.hypot(shown.noise, 0.01))
    assert np.log(more.upper_ms / more.latency_ms) == pytest.approx(stats.Z_95 * more.noise)
    assert np.log(more.latency_ms / more.lower_ms) == pytest.approx(stats.Z_95 * more.noise)


@given(st.lists(SAMPLES, min_size=1, max_size=4), st.floats(0, 10))
def test_the_interval_is_finite_and_holds_the_label(blocks: list[list[int]], unsure: float):
    label = stats.label(blocks, [1.0] * len(blocks), unsure=unsure)
    assert 0 < label.lower_ms < label.latency_ms < label.upper_ms < float("inf")
    assert stats.NOISE_FLOOR <= label.noise <= stats.MAX_NOISE
