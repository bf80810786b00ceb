import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latkit.evaluation.methods.calibration import fit_curve, positive
from latkit.evaluation.methods.ridge import STRENGTHS, fit_ridge

SCORES = np.linspace(1, 20, 12)


@pytest.mark.parametrize(
    "law",
    [lambda s: 3 + 0.5 * s, lambda s: 2 * s, lambda s: 0.1 * s**1.7],
    ids=["line", "ray", "power"],
)
def test_a_line_and_a_power_are_found_despite_two_broken_samples(law):
    latency_ms = law(SCORES)
    latency_ms[[2, 9]] = 0.001
    fitted = fit_curve(SCORES, latency_ms)(np.array([5.0, 30.0]))
    np.testing.assert_allclose(fitted, law(np.array([5.0, 30.0])), rtol=0.1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(1e-3, 1e9), st.floats(1e-6, 1e6)), min_size=1, max_size=8))
@example([(588075191.0, 1.0), (593739612.0, 16032.0)])
def test_any_curve_is_positive_increasing_and_in_the_samples_unit(pairs):
    scores, latency_ms = np.array(pairs).T
    asked = np.unique(np.concatenate([scores, 2 * scores]))
    one = fit_curve(scores, latency_ms)(asked)
    assert np.isfinite(one).all()
    assert (one > 0).all()
    assert (np.diff(one) >= 0).all()


def test_milliseconds_or_seconds():
    latency_ms = 3 + SCORES**1.2
    one, other = (fit_curve(SCORES, unit * latency_ms)(SCORES) for unit in (1, 1000))
    np.testing.assert_allclose(other, 1000 * one)


def test_samples_that_contradict_the_scores_keep_their_order():
    fitted = fit_curve(SCORES, 30 - SCORES)(SCORES)
    assert (np.diff(fitted) > 0).all()
    assert fitted.max() / fitted.min() < 1.01


def test_positive_keeps_order_and_what_is_large_enough():
    given_ms = np.array([-1000.0, -1.0, 0.0, 0.9, 1.0, 5.0])
    bent = positive(given_ms, np.array([2.0, 8.0]))
    assert (bent > 0).all()
    assert (np.diff(bent) > 0).all()
    np.testing.assert_array_equal(bent[-2:], given_ms[-2:])


def refitted(features, values, strength):
    """Ridge by its normal equations, intercept apart."""
    x, y = features - features.mean(axis=0), values - values.mean()
    penalty = strength * np.mean(np.linalg.svd(x, compute_uv=False) ** 2)
    weights = x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), y)
    return lambda given: values.mean() + (given - features.mean(axis=0)) @ weights


def left_out_error(features, values, penalty):
    """By taking each sample out in turn."""
    total = 0.0
    for i in range(len(values)):
        x, y = np.delete(features, i, axis=0), np.delete(values, i)
        own = np.mean(np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2)
        total += (refitted(x, y, penalty / own)(features[i]) - values[i]) ** 2
    return total


def test_ridge_is_that_of_least_left_out_error():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(15, 25))
    values = 2 + 3 * features[:, 0] + rng.normal(size=15)
    scale = np.mean(np.linalg.svd(features - features.mean(axis=0), compute_uv=False) ** 2)
    best = min(STRENGTHS, key=lambda s: left_out_error(features, values, s * scale))
    expected = refitted(features, values, best)(features)
    np.testing.assert_allclose(fit_ridge(features, values)(features), expected, rtol=1e-6)


def test_ridge_of_equal_samples_is_constant():
    ridge = fit_ridge(np.ones((3, 4)), np.array([2.0, 2.0, 2.0]))
    np.testing.assert_allclose(ridge(np.zeros((5, 4))), 2.0)
