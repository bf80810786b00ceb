"""The graph convolutional network that learns from the target's samples alone."""

import numpy as np
import pytest

pytest.importorskip("torch")

from latkit.evaluation.method import Samples, Sources
from latkit.evaluation.methods.gcn import Gcn
from tests.conformance.method import MethodConformance
from tests.unit import toy_space
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

    def test_it_learns_where_only_edges_differ(self):
        space = toy_space.Alive()
        rows = np.array([[0, 1, 2, second, third] for second in range(3) for third in range(3)])
        latency_ms = 1.0 + rows[:, 4]
        method = Gcn(width=32, epochs=400, rate=3e-3)
        adapter = method.load(Sources(space, rows, latency_ms[:, None], ("a",)), {})
        found = adapter(Samples(rows, latency_ms), np.random.default_rng(0)).predict(rows).mean_ms
        assert len(np.unique(found)) == 9
        assert np.corrcoef(found, latency_ms)[0, 1] > 0.8
