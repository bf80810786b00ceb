"""The graph convolutional network that learns from the target's samples alone."""

import numpy as np
import pytest

pytest.importorskip("torch")

from latkit.evaluation.method import Samples, Sources
from latkit.evaluation.methods.gcn import Gcn
from tests.conformance.method import MethodConformance
from tests.unit.toy_task import ROWS, SPACE, latencies, toy_sources


class TestGcn(MethodConformance):
    rank = 0.6

    def method(self):
        return Gcn(width=32, epochs=60, rate=3e-3)

    def test_it_learns_nothing_of_the_sources(self, files):
        assert files == {}
        others = Sources(SPACE, ROWS, 1 / toy_sources().latency_ms, ("a", "b", "c"))
        samples = Samples(ROWS[:20], latencies("target")[:20])
        one, other = (
            self.method()
            .load(sources, files)(samples, np.random.default_rng(0))
            .predict(ROWS)
            .mean_ms
            for sources in (toy_sources(), others)
        )
        np.testing.assert_array_equal(one, other)
