from __future__ import annotations

import pytest

from latkit.errors import UsageError
from latkit.network import (
    Add,
    AvgPool,
    BatchNorm,
    ChannelShuffle,
    Conv2d,
    GlobalAvgPool,
    Input,
    Layer,
    Linear,
    Network,
    Relu,
    Zero,
)

INPUT = Input("input", ())


def network(*layers: Layer, name: str = "n") -> Network:
    return Network(name, (4, 9, 9), (INPUT, *layers))


def shape(layer: Layer) -> tuple[int, ...]:
    return network(layer).shapes[layer.name]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Conv2d("x", ("input",), 4, 6, 3, 1, 1), (6, 9, 9)),
        (Conv2d("x", ("input",), 4, 6, 3, 2, 1), (6, 5, 5)),
        (Conv2d("x", ("input",), 4, 8, 5, 2, 2, groups=4), (8, 5, 5)),
        (AvgPool("x", ("input",), 2, 2), (4, 4, 4)),
        (AvgPool("x", ("input",), 3, 1, 1), (4, 9, 9)),
        (GlobalAvgPool("x", ("input",)), (4,)),
        (BatchNorm("x", ("input",), 4), (4, 9, 9)),
        (Relu("x", ("input",)), (4, 9, 9)),
        (ChannelShuffle("x", ("input",), 2), (4, 9, 9)),
        (Add("x", ("input", "input")), (4, 9, 9)),
        (Zero("x", (), (2, 3, 3)), (2, 3, 3)),
    ],
)
def test_shapes(layer, expected):
    assert shape(layer) == expected


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (Conv2d("x", ("input",), 5, 6, 3), "expects 5 channels"),
        (Conv2d("x", ("input",), 4, 6, 3, groups=4), "4 groups"),
        (Conv2d("x", ("input",), 4, 6, 11), "11x11 window does not fit"),
        (AvgPool("x", ("input",), 10), "10x10 window does not fit"),
        (BatchNorm("x", ("input",), 3), "expects 3 channels"),
        (Linear("x", ("input",), 4, 2), r"expects shape \(4,\)"),
        (ChannelShuffle("x", ("input",), 3), "not divisible by 3"),
        (Add("x", ("input",)), "two or more"),
        (Relu("x", ("nowhere",)), "'nowhere' is not a layer before it"),
    ],
)
def test_layers_that_do_not_fit_say_so(layer, problem):
    with pytest.raises(UsageError, match=problem) as caught:
        network(layer)
    assert "'x'" in caught.value.message


def test_add_needs_one_shape():
    with pytest.raises(UsageError, match="one shape"):
        network(Zero("z", (), (4, 2, 2)), Add("x", ("input", "z")))


def test_layers_come_in_topological_order():
    with pytest.raises(UsageError, match="not a layer before it"):
        network(Relu("a", ("b",)), Relu("b", ("input",)))


def test_names_are_unique():
    with pytest.raises(UsageError, match="two layers of one name"):
        network(Relu("a", ("input",)), Relu("a", ("input",)))


def test_begins_with_its_input():
    with pytest.raises(UsageError, match="begin with its input"):
        Network("n", (4, 9, 9), (Zero("z", (), (1, 1, 1)),))
    with pytest.raises(UsageError, match="begin with its input"):
        Network("n", (4, 9, 9), ())


def test_costs_by_hand():
    built = network(
        Conv2d("conv", ("input",), 4, 6, 3, 2, 1, groups=2, bias=True),
        BatchNorm("bn", ("conv",), 6),
        GlobalAvgPool("pool", ("bn",)),
        Linear("fc", ("pool",), 6, 10),
    )
    costs = {cost.name: cost for cost in built.costs()}
    conv = costs["conv"]
    assert conv.kind == "Conv2d"
    assert conv.flops == 2 * (6 * 5 * 5) * (2 * 3 * 3)
    assert conv.params == 6 * 2 * 3 * 3 + 6
    assert (conv.input_bytes, conv.activation_bytes) == (4 * 4 * 81, 4 * 6 * 25)
    assert conv.weight_bytes == 4 * conv.params
    assert (costs["bn"].flops, costs["bn"].params, costs["bn"].weight_bytes) == (0, 12, 96)
    assert (costs["fc"].flops, costs["fc"].params) == (120, 70)
    assert built.flops == conv.flops + 120
    assert built.params == conv.params + 12 + 70
    assert built.output == "fc"


def test_digest_sees_structure_and_not_names():
    def chain(name: str, a: str, b: str, kernel: int = 3) -> str:
        layers = (Relu(a, ("input",)), AvgPool(b, (a,), kernel))
        return network(*layers, name=name).digest()

    assert chain("n", "a", "b") == chain("m", "c", "d")
    assert chain("n", "a", "b") != chain("n", "a", "b", kernel=2)
    assert len(chain("n", "a", "b")) == 64


def test_digest_sees_wiring_and_input_shape():
    one = network(Relu("a", ("input",)), Relu("b", ("input",)), Add("c", ("a", "b")))
    other = network(Relu("a", ("input",)), Relu("b", ("a",)), Add("c", ("a", "b")))
    larger = Network("n", (4, 10, 10), one.layers)
    assert len({one.digest(), other.digest(), larger.digest()}) == 3
