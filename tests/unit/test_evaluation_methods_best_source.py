from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from latkit.errors import MeasurementsUnusable
from latkit.evaluation.method import Samples
from latkit.evaluation.methods.best_source import BestSource
from tests.conformance.method import MethodConformance
from tests.unit.toy_task import ROWS, latencies, toy_sources


class TestBestSource(MethodConformance):
    rank = 0.98

    def method(self):
        return BestSource()


def predict(sources, samples, rows):
    adapter = BestSource().load(sources, {})
    return adapter(samples, np.random.default_rng(0)).predict(rows).mean_ms


def with_gaps(device, rows):
    """The toy sources, of which one lacks some rows."""
    sources = toy_sources()
    latency_ms = sources.latency_ms.copy()
    latency_ms[rows, sources.devices.index(device)] = np.nan
    return replace(sources, latency_ms=latency_ms)


SAMPLES = Samples(ROWS[:20], latencies("target")[:20])


def test_the_most_correlated_source_is_taken():
    found = predict(toy_sources(), SAMPLES, ROWS)
    assert spearmanr(found, latencies("twin")).statistic == pytest.approx(1)


def test_where_the_best_source_has_a_gap_the_next_one_predicts():
    found = predict(with_gaps("twin", slice(100, 200)), SAMPLES, ROWS)
    assert np.isfinite(found).all()
    assert spearmanr(found[:100], latencies("twin")[:100]).statistic == pytest.approx(1)
    assert np.median(np.abs(found[100:200] / latencies("target")[100:200] - 1)) < 0.3


def test_a_source_without_the_samples_is_passed_over():
    found = predict(with_gaps("twin", slice(0, 20)), SAMPLES, ROWS[20:])
    assert spearmanr(found, latencies("twin")[20:]).statistic < 0.9999


def test_no_source_has_the_samples():
    sources = toy_sources()
    latency_ms = sources.latency_ms.copy()
    latency_ms[:20] = np.nan
    with pytest.raises(MeasurementsUnusable, match="20 of 20 architectures were measured on no"):
        predict(replace(sources, latency_ms=latency_ms), SAMPLES, ROWS)


def test_an_unknown_architecture():
    sources = toy_sources()
    some = replace(sources, operations=ROWS[:50], latency_ms=sources.latency_ms[:50])
    with pytest.raises(MeasurementsUnusable, match="250 of 300"):
        predict(some, SAMPLES, ROWS)
