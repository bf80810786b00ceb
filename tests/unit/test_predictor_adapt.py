import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from latkit.errors import MeasurementsUnusable
from latkit.predictor.adapt import adapt
from tests.unit.toy_bundle import CELLS, latencies, toy_bundle

BUNDLE = toy_bundle()


def sampled(n, seed=0, noise=0.01):
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(CELLS), n, replace=False)
    return CELLS[rows], latencies(CELLS[rows], rng, noise)


def test_twenty_samples_rank_all_cells():
    adapted = adapt(BUNDLE, *sampled(20))
    truth = latencies(CELLS, np.random.default_rng(9), noise=0)
    predicted = adapted.predict(CELLS)
    assert spearmanr(predicted.mean_ms, truth).statistic > 0.98
    assert np.median(np.abs(predicted.mean_ms / truth - 1)) < 0.03


def test_intervals_hold_about_what_they_claim():
    held = []
    for seed in range(8):
        adapted = adapt(BUNDLE, *sampled(20, seed))
        truth = latencies(CELLS, np.random.default_rng(seed + 100))
        predicted = adapted.predict(CELLS)
        held.append(((predicted.lower_ms <= truth) & (truth <= predicted.upper_ms)).mean())
    assert 0.8 < np.mean(held) <= 1.0


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 60), st.integers(0, 1000), st.floats(1e-4, 1e4))
def test_any_number_of_samples_gives_ordered_finite_milliseconds(n, seed, unit):
    operations, latency_ms = sampled(n, seed)
    predicted = adapt(BUNDLE, operations, latency_ms * unit).predict(CELLS[::50])
    assert np.isfinite(predicted.upper_ms).all()
    assert (predicted.lower_ms > 0).all()
    assert (predicted.lower_ms <= predicted.mean_ms).all()
    assert (predicted.mean_ms <= predicted.upper_ms).all()


def test_twenty_samples_say_more_than_how_fast_a_device_is():
    operations, latency_ms = sampled(20)
    one = adapt(BUNDLE, operations, latency_ms).predict(CELLS)
    other = adapt(BUNDLE, operations, 30 * latency_ms).predict(CELLS)
    assert spearmanr(one.mean_ms, other.mean_ms).statistic > 0.99


def test_more_samples_narrow_the_interval():
    def width(n):
        predicted = adapt(BUNDLE, *sampled(n)).predict(CELLS[::20])
        return np.median(predicted.upper_ms / predicted.lower_ms)

    assert width(40) < width(5)


def test_an_outlier_hardly_moves_the_rest():
    operations, latency_ms = sampled(20)
    spoilt = latency_ms.copy()
    spoilt[4] /= 50
    clean = adapt(BUNDLE, operations, latency_ms).predict(CELLS)
    robust = adapt(BUNDLE, operations, spoilt).predict(CELLS)
    assert np.median(np.abs(robust.mean_ms / clean.mean_ms - 1)) < 0.1


def test_a_noisy_sample_counts_less():
    operations, latency_ms = sampled(6)
    wrong = latency_ms.copy()
    wrong[0] *= 1.5
    trusting = adapt(BUNDLE, operations, wrong, np.full(6, 0.005)).predict(operations[1:])
    noise = np.array([0.5, *[0.005] * 5])
    doubting = adapt(BUNDLE, operations, wrong, noise).predict(operations[1:])
    errors = [np.abs(p.mean_ms / latency_ms[1:] - 1).mean() for p in (doubting, trusting)]
    assert errors[0] < errors[1]


def test_unknown_noise_is_allowed():
    operations, latency_ms = sampled(5)
    adapt(BUNDLE, operations, latency_ms, np.full(5, np.nan))


@pytest.mark.parametrize("n", [10, 60, 700])
@pytest.mark.parametrize("extreme", [1e-200, 1e200])
def test_extremes_are_borne(n, extreme):
    operations, latency_ms = sampled(n)
    noise = np.full(n, 0.01)
    latency_ms[2] *= extreme
    noise[4] = 1e200
    predicted = adapt(BUNDLE, operations, latency_ms, noise).predict(CELLS[::50])
    assert np.isfinite(predicted.mean_ms).all()
    assert (predicted.lower_ms > 0).all()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_samples_are_refused(n):
    with pytest.raises(MeasurementsUnusable, match=f"at least 3 .* there are {n}"):
        adapt(BUNDLE, CELLS[:n], np.ones(n))


def test_one_network_measured_thrice_is_one_network():
    with pytest.raises(MeasurementsUnusable, match="there are 1"):
        adapt(BUNDLE, CELLS[[5, 5, 5]], np.array([1.0, 1.1, 0.9]))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_latency_that_is_none_is_refused(bad):
    with pytest.raises(MeasurementsUnusable, match="not a positive number"):
        adapt(BUNDLE, CELLS[:4], np.array([1.0, 2.0, 3.0, bad]))


def test_few_samples_are_said():
    assert any("only 4 measurements" in note for note in adapt(BUNDLE, *sampled(4)).notes)
    assert not any("measurements" in note for note in adapt(BUNDLE, *sampled(20)).notes)


def test_same_samples_same_predictor():
    one, other = (adapt(BUNDLE, *sampled(12)).predict(CELLS[:50]) for _ in range(2))
    np.testing.assert_array_equal(one.mean_ms, other.mean_ms)
