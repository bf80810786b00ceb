import numpy as np
import pytest

from latkit.features.counts import counter
from tests.unit.toy_task import ROWS, SPACE


@pytest.mark.parametrize("count", ["flops", "params"])
def test_counts_are_those_of_the_network(count):
    expected = [getattr(SPACE.network(SPACE.from_indices(row)), count) for row in ROWS[:20]]
    np.testing.assert_allclose(counter(SPACE, count)(ROWS[:20]), expected, rtol=1e-9)
