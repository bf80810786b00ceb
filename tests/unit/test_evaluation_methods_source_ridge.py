from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from latkit.evaluation.method import Samples
from latkit.evaluation.methods.source_ridge import SourceRidge
from tests.conformance.method import MethodConformance
from tests.unit.toy_task import ROWS, latencies, toy_sources


class TestSourceRidge(MethodConformance):
    rank = 0.98

    def method(self):
        return SourceRidge()


def test_gaps_and_a_source_that_measured_nothing_are_borne():
    sources = toy_sources()
    latency_ms = np.column_stack([sources.latency_ms, np.full(len(ROWS), np.nan)])
    latency_ms[50:150, 0] = np.nan
    gappy = replace(sources, latency_ms=latency_ms, devices=(*sources.devices, "idle"))
    samples = Samples(ROWS[:20], latencies("target")[:20])
    predictor = SourceRidge().load(gappy, {})(samples, np.random.default_rng(0))
    found = predictor.predict(ROWS).mean_ms
    assert np.isfinite(found).all()
    assert spearmanr(found, latencies("target", noise=0)).statistic > 0.85
