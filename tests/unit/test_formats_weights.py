from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from latkit.formats import weights
from latkit.network import Network
from latkit.spaces.fbnet import FBNet
from latkit.spaces.nb201 import NB201
from tests.conformance.builder import SMALL


@pytest.fixture(params=["nb201", "fbnet"])
def network(request) -> Network:
    if request.param == "nb201":
        return NB201().network(NB201().from_indices([3, 2, 1, 4, 3, 2]))
    return FBNet().network(FBNet().from_indices([i % 9 for i in range(22)]))


def test_every_tensor_is_there(network):
    drawn = weights.seeded(network, 0)
    shapes = {
        f"{layer.name}.{tensor}": shape
        for layer in network.layers
        for tensor, shape in layer.weights().items()
    }
    assert {name: values.shape for name, values in drawn.items()} == shapes
    assert {values.dtype for values in drawn.values()} == {np.dtype(np.float32)}


def test_seed_decides(network):
    one, same, other = (weights.seeded(network, seed) for seed in (5, 5, 6))
    assert all((one[name] == same[name]).all() for name in one)
    assert not any((one[name] == other[name]).all() for name in one)


def test_values_do_not_change_between_versions():
    network = SMALL.network(SMALL.from_indices([3] * 6))
    drawn = weights.seeded(network, 0)
    expected = [-0.1408328413963318, -0.34227579832077026, -0.46090495586395264]
    np.testing.assert_allclose(drawn["stem.conv.weight"].ravel()[:3], expected, rtol=1e-6)


def test_names_of_layers_do_not_matter():
    network = SMALL.network(SMALL.from_indices([3, 2, 1, 4, 3, 2]))
    renamed = [
        dataclasses.replace(
            layer, name=f"x.{layer.name}", inputs=tuple(f"x.{i}" for i in layer.inputs)
        )
        for layer in network.layers
    ]
    twin = Network("twin", network.input_shape, tuple(renamed))
    drawn = weights.seeded(twin, 0)
    for name, values in weights.seeded(network, 0).items():
        assert (drawn[f"x.{name}"] == values).all()


def test_he_scale(network):
    for values in weights.seeded(network, 0).values():
        if values.ndim > 1 and values.size > 5000:
            fan_in = np.prod(values.shape[1:])
            assert values.std() == pytest.approx(np.sqrt(2 / fan_in), rel=0.05)


def test_statistics_are_neither_trivial_nor_wild():
    # Every cell of skips multiplies its input by four: 4**15 by the last cell.
    skips = NB201().network(NB201().from_indices([1] * 6))
    for name, values in weights.seeded(skips, 0).items():
        if name.endswith("running_var"):
            assert values.min() > 0
            assert values.std() > 0
    drawn = weights.seeded(skips, 0)
    assert drawn["head.bn.running_var"].mean() > 1e3


@pytest.mark.parametrize("cell", [[1] * 6, [3] * 6, [2] * 6, [4, 3, 1, 1, 3, 2]])
def test_activations_stay_tame_through_all_cells(cell):
    torch = pytest.importorskip("torch")
    from latkit.formats import torch as build_torch

    module = build_torch.build(NB201().network(NB201().from_indices(cell)), 0)
    seen = []
    for name, part in module.named_modules():
        if name.endswith("bn"):
            part.register_forward_hook(lambda _, __, out: seen.append(float(out.std())))
    module(torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, 32, 32), np.float32)))
    assert min(seen) > 0.1
    assert max(seen) < 5
