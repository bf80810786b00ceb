"""Fitting to many samples: both forms agree, and with the batch that fits to few."""

import numpy as np
import pytest

from latkit.predictor import many
from latkit.predictor.adapt import adapt
from latkit.predictor.evidence import Samples, weigh
from latkit.predictor.many import weigh_each
from latkit.predictor.refine import Slope, refine
from tests.unit.toy_bundle import CELLS, latencies, toy_bundle

BUNDLE = toy_bundle()
PRIOR = BUNDLE.prior


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(CELLS), n, replace=False)
    latency_ms = latencies(CELLS[rows], rng)
    design = PRIOR.design(BUNDLE.features(CELLS[rows]))
    return Samples(design, latency_ms / np.median(latency_ms), rng.uniform(0.002, 0.02, n))


def test_by_samples_and_by_coordinates_is_the_same(monkeypatch):
    hypotheses, odds = PRIOR.hypotheses.take(np.arange(6)), np.zeros(6)
    by_samples = weigh_each(hypotheses, samples(80), odds)
    monkeypatch.setattr(many, "BY_SAMPLES", 0)
    monkeypatch.setattr(many, "NEGLIGIBLE", 0.0)
    by_coordinates = weigh_each(hypotheses, samples(80), odds)
    for name in ("weights", "offset", "coefficients", "diagonal", "scatter"):
        one, other = getattr(by_samples, name), getattr(by_coordinates, name)
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9 * np.abs(one).max())


def test_one_by_one_is_as_in_one_batch(monkeypatch):
    monkeypatch.setattr(many, "ROUNDS", 4)
    hypotheses, odds = PRIOR.hypotheses.take(np.arange(8)), np.arange(8.0)
    batch, each = weigh(hypotheses, samples(30), odds), weigh_each(hypotheses, samples(30), odds)
    for name in ("weights", "offset", "coefficients", "diagonal"):
        np.testing.assert_allclose(getattr(batch, name), getattr(each, name), rtol=1e-6)


@pytest.mark.parametrize("is_log", [True, False])
def test_the_slope_is_that_of_the_evidence(is_log):
    hypotheses = PRIOR.hypotheses
    one = hypotheses.take(np.flatnonzero(hypotheses.is_log == is_log)[:1])
    slope = Slope.of(one, samples(40))
    logs = np.log(np.concatenate([one.variances[0], one.noise_parts[0], one.noise_parts[1]]))
    trust = np.random.default_rng(0).uniform(0.2, 1.3, 40)
    _, gradient = slope(logs, trust)
    for k, step in enumerate(1e-5 * np.eye(len(logs))):
        rise = slope(logs + step, trust)[0] - slope(logs - step, trust)[0]
        assert rise / 2e-5 == pytest.approx(gradient[k], rel=1e-4, abs=1e-6)


def test_refining_makes_samples_likelier():
    hypotheses = PRIOR.hypotheses.take(np.arange(5))
    refined = [refine(hypotheses.take(np.array([k])), samples(100)) for k in range(5)]
    both = type(hypotheses).concatenate([hypotheses, *refined])
    weights = weigh_each(both, samples(100), np.zeros(10)).weights
    assert weights[5:].sum() > 0.99


@pytest.mark.parametrize("n", [24, 25, 48, 49, 70, 700])
def test_no_count_of_samples_is_a_cliff(n):
    rng = np.random.default_rng(n)
    rows = rng.choice(len(CELLS), n, replace=False)
    found = adapt(BUNDLE, CELLS[rows], latencies(CELLS[rows], rng)).predict(CELLS)
    truth = latencies(CELLS, rng, noise=0)
    assert np.median(np.abs(found.mean_ms / truth - 1)) < 0.02
    noisy = latencies(CELLS, rng)
    inside = (found.lower_ms <= noisy) & (noisy <= found.upper_ms)
    assert 0.8 < inside.mean() <= 1


@pytest.mark.parametrize("n", [20, 60, 700])
def test_the_order_of_samples_tells_nothing(n):
    rng = np.random.default_rng(0)
    rows = rng.choice(len(CELLS), n, replace=False)
    latency_ms = latencies(CELLS[rows], rng)
    ordered = np.argsort(latency_ms)
    one = adapt(BUNDLE, CELLS[rows], latency_ms).predict(CELLS[:100])
    other = adapt(BUNDLE, CELLS[rows[ordered]], latency_ms[ordered]).predict(CELLS[:100])
    np.testing.assert_allclose(one.mean_ms, other.mean_ms, rtol=1e-5)
    np.testing.assert_allclose(one.upper_ms, other.upper_ms, rtol=1e-4)
