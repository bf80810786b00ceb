import numpy as np
import pytest

from latkit.evaluation.methods.counts import Counted, counts
from tests.conformance.method import MethodConformance
from tests.unit.toy_task import ROWS, SPACE


class TestFlops(MethodConformance):
    rank = 0.95

    def method(self):
        return Counted("flops")


class TestParams(MethodConformance):
    rank = 0.95

    def method(self):
        return Counted("params")


@pytest.mark.parametrize("count", ["flops", "params"])
def test_counts_are_those_of_the_network(count):
    expected = [getattr(SPACE.network(SPACE.from_indices(row)), count) for row in ROWS[:20]]
    np.testing.assert_allclose(counts(SPACE, count, ROWS[:20]), expected, rtol=1e-9)
