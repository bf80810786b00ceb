import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from latkit.evaluation.method import without_interval
from latkit.latencies import Latencies
from latkit.metrics import interval_scores, kendall, score, spearman

TRUTH = np.array([1.0, 2.0, 4.0, 8.0])


def test_a_perfect_prediction():
    found = score(Latencies(TRUTH, 0.9 * TRUTH, 1.2 * TRUTH), TRUTH)
    assert found.spearman == pytest.approx(1)
    assert found.kendall == pytest.approx(1)
    assert found.median_ape == 0
    assert found.within_10 == 1
    assert found.coverage == 1
    assert found.width == pytest.approx(0.3)


def test_errors_are_relative_to_what_was_measured():
    found = score(without_interval(np.array([1.05, 1.0, 8.0, 8.0])), TRUTH)
    assert found.within_10 == 0.5
    assert found.median_ape == pytest.approx((0.05 + 0.5) / 2)


def test_half_of_the_latencies_lie_inside():
    lower, upper = np.array([0.9, 2.1, 3.9, 8.1]), np.array([1.1, 2.2, 4.1, 8.2])
    assert score(Latencies(TRUTH, lower, upper), TRUTH).coverage == 0.5


def test_no_interval_no_coverage():
    found = score(without_interval(TRUTH), TRUTH)
    assert np.isnan(found.coverage)
    assert np.isnan(found.width)


@pytest.mark.parametrize("constant", ["predicted", "measured"])
def test_what_is_constant_orders_nothing(constant):
    flat = np.ones(4)
    pair = (flat, TRUTH) if constant == "predicted" else (TRUTH, flat)
    found = score(without_interval(pair[0]), pair[1])
    assert (found.spearman, found.kendall) == (0, 0)


def test_ties_share_their_rank():
    found = score(without_interval(np.array([1.0, 1.0, 2.0, 3.0])), TRUTH)
    assert found.spearman == pytest.approx(0.9486833)


@given(st.integers(2, 40), st.integers(1, 10), st.integers(0, 1000))
def test_rank_correlations_are_those_of_scipy(n, values, seed):
    one, other = np.random.default_rng(seed).integers(values, size=(2, n)).astype(float)
    if np.ptp(one) and np.ptp(other):
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
        assert kendall(one, other) == pytest.approx(kendalltau(one, other).statistic)
    else:
        assert (spearman(one, other), kendall(one, other)) == (0, 0)


def test_the_interval_score_counts_width_and_what_lies_outside():
    truth = np.array([1.0, 1.0, 1.0])
    found = Latencies(
        np.array([1.0, 1.0, 1.0]), np.exp([-0.1, -0.1, 0.05]), np.exp([0.1, -0.02, 0.1])
    )
    expected = [0.2, 0.08 + 20 * 0.02, 0.05 + 20 * 0.05]
    np.testing.assert_allclose(interval_scores(found, truth), expected)
    assert score(found, truth).interval_score == pytest.approx(np.mean(expected))
    assert np.isnan(score(without_interval(truth), truth).interval_score)


def test_quantiles_have_the_least_interval_score():
    truth = np.exp(np.random.default_rng(0).standard_normal(4000))
    ends = np.exp(1.645 * np.array([0.7, 0.85, 1.0, 1.15, 1.3]))
    centre = np.ones(len(truth))
    scores = [score(Latencies(centre, centre / e, centre * e), truth).interval_score for e in ends]
    assert int(np.argmin(scores)) == 2
