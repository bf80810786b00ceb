from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from latkit.errors import UsageError
from latkit.formats import onnx as build_onnx
from latkit.network import Input, Layer, Network
from latkit.spaces.base import Space
from latkit.spaces.fbnet import FBNet
from tests.conformance.builder import CORNER_CELLS, SMALL, BuilderConformance


class TestOnnx(BuilderConformance):
    format = "onnx"

    def run(self, content, images):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return session.run(None, {"input": images})[0]


def model(space: Space, indices) -> onnx.ModelProto:
    network = space.network(space.from_indices(indices))
    return onnx.load_from_string(build_onnx.build(network, batch=2))


@pytest.mark.parametrize("cell", [*CORNER_CELLS, [3, 2, 1, 4, 3, 2]])
def test_cells_are_valid_onnx(cell):
    onnx.checker.check_model(model(SMALL, cell), full_check=True)


def test_chains_are_valid_onnx():
    built = model(FBNet(), [layer % 9 for layer in range(22)])
    onnx.checker.check_model(built, full_check=True)


def test_old_runtimes_can_read_it():
    built = model(SMALL, [3] * 6)
    assert built.ir_version <= 8
    assert [(opset.domain, opset.version <= 17) for opset in built.opset_import] == [("", True)]


def test_shapes_are_static():
    graph = model(SMALL, [3] * 6).graph
    for value, shape in ((graph.input[0], [2, 3, 16, 16]), (graph.output[0], [2, 10])):
        assert [dim.dim_value for dim in value.type.tensor_type.shape.dim] == shape


def test_batch_norm_is_folded():
    kinds = [node.op_type for node in model(SMALL, [3] * 6).graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Mul") == 1  # the last batch norm follows an addition


def test_zeros_cost_nothing():
    full = model(SMALL, [0, 0, 0, 1, 1, 0]).graph
    kinds = [node.op_type for node in full.node]
    without = [node.op_type for node in model(SMALL, [0, 0, 0, 1, 0, 0]).graph.node]
    assert kinds == without


def test_weights_are_those_of_the_seed():
    network = SMALL.network(SMALL.from_indices([3] * 6))
    built = onnx.load_from_string(build_onnx.build(network, seed=9))
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in built.graph.initializer}
    drawn = build_onnx.drawn.seeded(network, 9)
    assert (stored["classifier.weight"] == drawn["classifier.weight"]).all()
    assert not np.array_equal(stored["stem.bn.weight"], drawn["stem.conv.weight"])


def test_an_unknown_layer_is_named():
    class Strange(Layer):
        __slots__ = ()

    strange = Strange("odd", ("input",))
    network = Network("n", (3, 8, 8), (Input("input", ()), strange))
    with pytest.raises(UsageError, match=r"'odd' \(Strange\)"):
        build_onnx.build(network)
