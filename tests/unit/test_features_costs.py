import numpy as np
import pytest

from latkit import spaces
from latkit.features.costs import KINDS, NAMES, cost_vector, kind_of
from latkit.network import Input, Zero


@pytest.fixture(params=["nb201", "fbnet"])
def network(request):
    space = spaces.get(request.param)
    return space.network(space.sample(np.random.default_rng(0), 1)[0])


def costs(network):
    return dict(zip(NAMES, cost_vector(network), strict=True))


def test_totals_are_those_of_the_network(network):
    found = costs(network)
    assert found["flops"] == network.flops
    assert found["params"] == network.params
    free = sum(isinstance(layer, (Input, Zero)) for layer in network.layers)
    assert found["launches"] == len(network.layers) - free


@pytest.mark.parametrize("figure", ["launches", "bytes", "flops"])
def test_kinds_add_up_to_the_total(network, figure):
    found = costs(network)
    assert sum(found[f"{kind}_{figure}"] for kind in KINDS) == found[figure]


def test_floors_only_add(network):
    found = costs(network)
    assert found["bytes"] <= found["bytes_from_64k"] <= found["bytes_from_416k"]
    assert found["flops"] <= found["flops_from_1m"] <= found["flops_from_4m"]
    assert found["fused_launches"] < found["launches"]
    assert found["flops"] <= found["roofline_4"] <= found["roofline_8"]


def test_every_layer_but_input_and_zeros_has_a_kind(network):
    for layer in network.layers:
        assert (kind_of(layer) is None) == isinstance(layer, (Input, Zero))


def test_convolutions_are_told_apart():
    space = spaces.get("fbnet")
    found = costs(space.network(space.parse("_".join("14" * 11))))  # k3_e1_g2, k5_e1
    for kind in ("pointwise", "grouped", "depthwise3", "depthwise5", "shuffle"):
        assert found[f"{kind}_launches"] >= 11
