import numpy as np
import pytest

from latkit import sampling, spaces
from tests.conformance.sampler import SamplerConformance


class TestParams(SamplerConformance):
    name = "params"


@pytest.mark.parametrize("name", ["nb201", "fbnet"])
def test_every_slice_of_sizes_is_visited_once(name):
    space = spaces.get(name)
    candidates = space.matrix(space.sample(np.random.default_rng(0), 100))
    sizes = np.array([space.network(space.from_indices(row)).params for row in candidates])
    choice = sampling.Choice(space, candidates)
    rows = sampling.choose("params", choice, 10, np.random.default_rng(1))
    edges = np.sort(sizes).reshape(10, 10)
    for chosen, own in zip(np.sort(sizes[rows]), edges, strict=True):
        assert own[0] <= chosen <= own[-1]
