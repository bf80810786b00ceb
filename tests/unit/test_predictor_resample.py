"""Drawing again near the best: only where few hypotheses are left, and for the better."""

import numpy as np
import pytest

from latkit.predictor.evidence import Samples, weigh
from latkit.predictor.resample import ENOUGH, KEPT, LEAST_SAMPLES, resample
from tests.unit.toy_bundle import CELLS, latencies, toy_bundle

BUNDLE = toy_bundle()
PRIOR = BUNDLE.prior


def fitted(n):
    rng = np.random.default_rng(2)
    rows = rng.choice(len(CELLS), n, replace=False)
    latency_ms = latencies(CELLS[rows], rng)
    design = PRIOR.design(BUNDLE.features(CELLS[rows]))
    samples = Samples(design, latency_ms / np.median(latency_ms), np.full(n, 0.005))
    median_ms = float(np.median(latency_ms))
    odds = PRIOR.log_odds(PRIOR.hypotheses, median_ms)
    return weigh(PRIOR.hypotheses, samples, odds), samples, median_ms


def effective(fits):
    return 1 / np.square(fits.weights).sum()


@pytest.mark.parametrize("n", [3, LEAST_SAMPLES - 1])
def test_few_samples_are_left_with_what_was_drawn(n):
    fits, samples, median_ms = fitted(n)
    assert resample(PRIOR, fits, samples, median_ms, np.random.default_rng(0)) is fits


def test_one_hypothesis_becomes_many_that_explain_more():
    fits, samples, median_ms = fitted(30)
    assert effective(fits) < ENOUGH
    found = resample(PRIOR, fits, samples, median_ms, np.random.default_rng(0))
    assert effective(found) > effective(fits)
    best = fits.hypotheses.take(np.argsort(-fits.weights)[:KEPT])
    new = found.hypotheses.take(np.argsort(-found.weights)[:KEPT])
    pool = type(best).concatenate([best, new])
    weights = weigh(pool, samples, PRIOR.log_odds(pool, median_ms)).weights
    assert weights[KEPT:].sum() > weights[:KEPT].sum()


def test_hypotheses_stay_what_they_are():
    fits, samples, median_ms = fitted(30)
    found = resample(PRIOR, fits, samples, median_ms, np.random.default_rng(0)).hypotheses
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    assert (found.shares >= 0).all()
    assert (found.variances >= 0).all()
    assert (found.noise > 0).all()
    assert ((found.absolute >= 0) & (found.absolute <= 1)).all()


def test_the_generator_decides():
    fits, samples, median_ms = fitted(30)
    one, same, other = (
        resample(PRIOR, fits, samples, median_ms, np.random.default_rng(seed)).weights
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
