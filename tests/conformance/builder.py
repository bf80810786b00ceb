"""What every file format must do. Subclass it in the format's own test module."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from latkit import spaces
from latkit.formats import FORMATS
from latkit.network import Network
from latkit.spaces.nb201 import NB201

Images = NDArray[np.float32]
SMALL = NB201(channels=4, cells=1, resolution=16)
CORNER_CELLS = (
    [0, 0, 0, 0, 0, 0],  # nothing at all
    [1, 1, 1, 1, 1, 1],  # a node added to itself
    [0, 0, 0, 0, 3, 0],  # convolution of zeros
    [0, 0, 0, 4, 4, 0],  # zeros pooled and added
    [3, 0, 0, 3, 0, 0],  # a dead convolution
    [3, 4, 2, 0, 0, 0],  # nothing but dead operations
    [0, 0, 1, 0, 0, 1],  # zeros handed on
)


class BuilderConformance:
    """Set ``format``; ``run`` executes a built file in that format's own runtime.

    ``most_images`` is the largest batch that a file can be of.
    """

    format: ClassVar[str]
    most_images: ClassVar[int] = 3

    def run(self, content: bytes, images: Images) -> NDArray[np.float32]:
        raise NotImplementedError

    def check(self, network: Network, batch: int = 1) -> None:
        torch = pytest.importorskip("torch")
        from latkit.formats import torch as build_torch

        images = _images(network, batch)
        content = FORMATS.get(self.format).build(network, 3, batch)
        expected = build_torch.build(network, 3)(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(self.run(content, images), expected, rtol=1e-4, atol=1e-4)
        # A comparison of nothing with nothing would pass too.
        assert 0.05 < np.abs(expected).max() < 20

    def test_agrees_on_random_cells(self):
        for arch in SMALL.sample(np.random.default_rng(1), 40):
            self.check(SMALL.network(arch))

    def test_agrees_on_full_size_cells(self):
        space = spaces.get("nb201")
        for arch in space.sample(np.random.default_rng(2), 4):
            self.check(space.network(arch))

    @pytest.mark.parametrize("cell", CORNER_CELLS)
    def test_agrees_on_corner_cells(self, cell):
        self.check(SMALL.network(SMALL.from_indices(cell)), batch=min(2, self.most_images))

    def test_agrees_on_chains(self):
        space = spaces.get("fbnet")
        for arch in space.sample(np.random.default_rng(3), 12):
            self.check(space.network(arch))

    @pytest.mark.parametrize("block", range(9))
    def test_agrees_on_every_block(self, block):
        space = spaces.get("fbnet")
        self.check(space.network(space.from_indices([block] * space.positions)))

    def test_agrees_at_imagenet_size(self):
        space = spaces.get("fbnet").with_skeleton(resolution=224)
        arch = space.from_indices([layer % 9 for layer in range(space.positions)])
        self.check(space.network(arch))

    def test_batch(self):
        space = spaces.get("fbnet")
        network = space.network(space.from_indices([1] * space.positions))
        self.check(network, batch=self.most_images)

    def test_content_depends_on_seed_alone(self):
        network = SMALL.network(SMALL.from_indices([3, 2, 1, 4, 3, 2]))
        make = FORMATS.get(self.format).build
        assert make(network, 0, 1) == make(network, 0, 1)
        assert make(network, 0, 1) != make(network, 1, 1)


def _images(network: Network, batch: int) -> Images:
    shape = (batch, *network.input_shape)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
