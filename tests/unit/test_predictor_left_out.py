"""Leaving samples out in closed form is leaving them out."""

import numpy as np

from latkit.predictor.adapt import adapt
from latkit.predictor.evidence import Samples, weigh
from latkit.predictor.left_out import NARROWEST, WIDEST, LeftOut
from tests.unit.toy_bundle import CELLS, latencies, toy_bundle

BUNDLE = toy_bundle()
PRIOR = BUNDLE.prior


def samples(rows, seed=0):
    rng = np.random.default_rng(seed)
    latency_ms = latencies(CELLS[rows], rng)
    design = PRIOR.design(BUNDLE.features(CELLS[rows]))
    return Samples(design, latency_ms / np.median(latency_ms), np.full(len(rows), 0.005))


def test_errors_are_those_of_fitting_again_without_each():
    rows = np.random.default_rng(1).choice(len(CELLS), 12, replace=False)
    every = samples(rows)
    hypotheses = PRIOR.hypotheses
    best = hypotheses.take(np.argsort(-weigh(hypotheses, every, np.zeros(200)).weights)[:1])
    found = LeftOut.of(weigh(best, every, np.zeros(1)), every)
    for k in range(12):
        others = np.delete(np.arange(12), k)
        fitted = weigh(best, every.take(others), np.zeros(1))
        is_log = bool(best.is_log[0])
        own, near = (every.design.take(part).of(is_log) for part in (np.array([k]), others))
        gram = sum(v * (a @ b.T) for v, a, b in zip(best.variances[0], own, near, strict=True))
        residual = float((gram @ fitted.coefficients[0])[0] + fitted.offset[0])
        mean = float(best.mean(every.design.take(np.array([k])))[0, 0])
        truth = every.relative[k]
        error = np.log(truth / mean) - residual if is_log else 1 - (mean + residual) / truth
        # Weights of Student-t noise differ a little between the fits.
        assert abs(abs(error) - found.error[k]) < 0.1 * abs(error) + 2e-3


def test_what_to_expect_is_what_comes():
    rng = np.random.default_rng(3)
    rows = rng.choice(len(CELLS), 60, replace=False)
    adapted = adapt(BUNDLE, CELLS[rows], latencies(CELLS[rows], rng))
    error = np.abs(adapted.predict(CELLS).mean_ms / latencies(CELLS, rng) - 1)
    assert 0.6 < adapted.expected.median_error / np.median(error) < 1.6
    assert 0.6 < adapted.expected.most_within / np.quantile(error, 0.9) < 1.6


def test_few_samples_do_not_narrow_intervals_and_no_number_makes_them_vanish():
    for n, least in ((5, 1.0), (20, 0.5), (2000, NARROWEST)):
        tiny = LeftOut(np.full(n, 1e-9), np.full(n, 1e-9))
        huge = LeftOut(np.ones(n), np.full(n, 1e9))
        assert tiny.scale >= 0.95 * least - 1e-12
        assert huge.scale <= 0.95 * WIDEST + 1e-12
