import numpy as np

from latkit.evaluation.method import Samples, Sources
from latkit.evaluation.methods.layerwise import Layerwise
from tests.conformance.method import MethodConformance
from tests.unit.toy_task import ROWS, SPACE


class TestLayerwise(MethodConformance):
    rank = 0.9

    def method(self):
        return Layerwise()


def test_a_sum_of_layers_is_found_from_enough_samples():
    entries = np.random.default_rng(0).uniform(0.1, 2, (SPACE.positions, len(SPACE.operations)))
    latency_ms = 1 + entries[np.arange(SPACE.positions), ROWS].sum(axis=1)
    sources = Sources(SPACE, ROWS, latency_ms[:, None], ("itself",))
    samples = Samples(ROWS[:60], latency_ms[:60])
    predictor = Layerwise().load(sources, {})(samples, np.random.default_rng(0))
    np.testing.assert_allclose(predictor.predict(ROWS).mean_ms, latency_ms, rtol=1e-3)
