import numpy as np

from latkit import spaces
from latkit.features.physical import physical, single_costs
from latkit.features.smooth import descriptors, factor


def test_choices_that_cost_alike_lie_close():
    space = spaces.get("fbnet")
    tables = physical(space, np.random.default_rng(0))
    coordinates = factor(descriptors(single_costs(space, tables.groups, tables.table)), 1.5)
    kernel = coordinates @ coordinates.T
    np.testing.assert_allclose(np.diag(kernel), 1, rtol=1e-4)

    def alike(one, other):
        (first, left), (second, right) = one, other
        return kernel[9 * first + left, 9 * second + right]

    k3_e6, k3_e1, skip = 3, 0, 8
    same_stage = alike((6, k3_e6), (7, k3_e6))
    assert same_stage > 0.99
    assert same_stage > alike((6, k3_e6), (6, k3_e1)) > alike((6, k3_e6), (6, skip))
