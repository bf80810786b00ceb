import numpy as np
import onnxruntime
import pytest

from latkit import spaces
from latkit.predictor.trace import OPSET, Graph

ROWS = np.random.default_rng(0).integers(5, size=(7, 6))


def both(function):
    """What numpy computes, and what the traced graph computes."""
    graph = Graph()
    traced = function(graph.input("x", np.int64, ["n", 6]))
    model = graph.model({"y": traced})
    assert model.opset_import[0].version == OPSET
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return function(ROWS), session.run(["y"], {"x": ROWS})[0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x @ np.arange(12).reshape(6, 2) + 3,
        lambda x: np.arange(7 * 7).reshape(7, 7).astype(np.float32) @ x.astype(np.float32),
        lambda x: (x[:, :, None] == np.arange(5)).astype(np.float32).sum(axis=1),
        lambda x: x[:, 2][:, None] + 1,
        lambda x: x[:, [3, 1, 1]],
        lambda x: x * (x > 1),
        lambda x: (x > 1) & (x == 2) | (x > 3),
        lambda x: np.concatenate([x, x + 1], axis=1),
        lambda x: x.astype(np.float64).max(axis=1, keepdims=True) / 3.0,
        lambda x: x[:, :, None].transpose(0, 2, 1).reshape(-1, 6),
        lambda x: np.sqrt(np.exp(np.maximum(x.astype(np.float32), np.float32(2)))),
        lambda x: np.log(1.0 + x.astype(np.float64)),
        lambda x: 2 - np.minimum(x, 3),
        lambda x: np.ones_like(x[:, [0]].astype(np.float64)),
        spaces.get("nb201").live,
    ],
)
def test_graph_agrees_with_numpy(function):
    expected, found = both(function)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_operation_that_cannot_be_traced_is_refused():
    with pytest.raises(TypeError):
        np.arctan(Graph().input("x", np.int64, ["n", 6]))
    with pytest.raises(TypeError):
        np.median(Graph().input("x", np.int64, ["n", 6]))


def test_what_is_asked_twice_is_computed_once():
    graph = Graph()
    x = graph.input("x", np.int64, ["n", 6])
    model = graph.model({"y": (x + 1) * (x + 1), "z": x + 1})
    assert sorted(node.op_type for node in model.graph.node) == [
        "Add",
        "Identity",
        "Identity",
        "Mul",
    ]
    assert len(model.graph.initializer) == 1


def test_a_graph_goes_on_from_another():
    first = Graph()
    x = first.input("x", np.int64, ["n", 6])
    begun = first.model({"doubled": x * 2, "as_float": x.astype(np.float32)})
    second = Graph(begun)
    last = second.outputs["doubled"].sum(axis=1) + second.outputs["as_float"].max(axis=1)
    model = second.model({"y": last}, rank=1)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (output,) = session.get_outputs()
    assert (output.name, output.shape) == ("y", ["n"])
    np.testing.assert_allclose(
        session.run(["y"], {"x": ROWS})[0], 2 * ROWS.sum(axis=1) + ROWS.max(axis=1)
    )


def test_the_graph_gone_on_from_stays_as_it_was():
    first = Graph()
    begun = first.model({"doubled": first.input("x", np.int64, ["n", 6]) * 2})
    before = begun.SerializeToString()
    second = Graph(begun)
    second.model({"y": second.outputs["doubled"] + 1})
    assert begun.SerializeToString() == before
