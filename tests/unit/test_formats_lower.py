from __future__ import annotations

import numpy as np

from latkit.formats import weights
from latkit.formats.lower import affine, lower
from latkit.network import Add, AvgPool, BatchNorm, Conv2d, Input, Layer, Network, Relu, Zero

INPUT = Input("input", ())


def lowered(*layers: Layer) -> Network:
    network = Network("n", (4, 8, 8), (INPUT, *layers))
    return lower(network, weights.seeded(network, 0))[0]


def names(network: Network) -> list[str]:
    return [layer.name for layer in network.layers]


def conv(name: str, x: str, bias: bool = False) -> Conv2d:
    return Conv2d(name, (x,), 4, 4, 1, bias=bias)


def test_batch_norm_goes_into_the_convolution_before_it():
    network = lowered(conv("conv", "input"), BatchNorm("bn", ("conv",), 4), Relu("r", ("bn",)))
    assert names(network) == ["input", "bn", "r"]
    folded = network.layers[1]
    assert isinstance(folded, Conv2d)
    assert folded.bias
    assert folded.inputs == ("input",)


def test_folding_keeps_a_bias():
    network = Network(
        "n", (4, 8, 8), (INPUT, conv("conv", "input", bias=True), BatchNorm("bn", ("conv",), 4))
    )
    drawn = weights.seeded(network, 0)
    _, folded = lower(network, drawn)
    norm = network.layers[2]
    assert isinstance(norm, BatchNorm)
    scale, shift = affine(norm, drawn)
    np.testing.assert_allclose(folded["bn.bias"], drawn["conv.bias"] * scale + shift, rtol=1e-5)


def test_a_convolution_read_twice_keeps_its_batch_norm():
    network = lowered(
        conv("conv", "input"), BatchNorm("bn", ("conv",), 4), Add("add", ("conv", "bn"))
    )
    assert names(network) == ["input", "conv", "bn", "add"]


def test_batch_norm_elsewhere_stays():
    network = lowered(Add("add", ("input", "input")), BatchNorm("bn", ("add",), 4))
    assert names(network) == ["input", "add", "bn"]


def test_terms_of_zero_are_dropped():
    network = lowered(
        Zero("z", (), (4, 8, 8)),
        AvgPool("pool", ("z",), 3, 1, 1),
        Relu("relu", ("pool",)),
        Add("zeros", ("z", "relu")),
        Add("same", ("zeros", "input")),
        Add("double", ("same", "zeros", "input")),
        Relu("out", ("double",)),
    )
    assert names(network) == ["input", "double", "out"]
    assert network.layers[1].inputs == ("input", "input")


def test_zeros_that_are_read_stay():
    network = lowered(Zero("z", (), (4, 8, 8)), conv("conv", "z"))
    assert names(network) == ["input", "z", "conv"]


def test_results_that_nobody_uses_stay():
    network = lowered(conv("dead", "input"), Relu("out", ("input",)))
    assert names(network) == ["input", "dead", "out"]
