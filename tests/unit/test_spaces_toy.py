"""The toy space whose edges vary, of which other tests make use, is a space like any other."""

import numpy as np

from tests.conformance.space import SpaceConformance
from tests.unit.toy_space import Alive, Wired


class TestWired(SpaceConformance):
    space = Wired()
    other_skeleton = {"channels": 4}  # noqa: RUF012

    def test_edges_are_as_its_text_says(self):
        arch = self.space.parse("conv,pool,conv:2,1")
        edges = np.argwhere(self.space.encode(arch).adjacency).tolist()
        assert edges == [[0, 1], [0, 2], [1, 2], [1, 3], [1, 4], [2, 4], [3, 4]]


class TestAlive(SpaceConformance):
    space = Alive()
    other_skeleton = {"channels": 4}  # noqa: RUF012
