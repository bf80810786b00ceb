"""Models of lower precision compute, in real runtimes, what float32 computes, about."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

from latkit import spaces  # noqa: E402
from latkit.formats import FORMATS, int8  # noqa: E402
from latkit.formats import weights as drawn  # noqa: E402
from latkit.formats.lower import lower  # noqa: E402
from latkit.formats.onnx import float_model  # noqa: E402
from latkit.formats.ranges import observed  # noqa: E402
from latkit.formats.rescale import within_half  # noqa: E402
from latkit.network import (  # noqa: E402
    Add,
    AvgPool,
    BatchNorm,
    ChannelShuffle,
    Conv2d,
    GlobalAvgPool,
    Input,
    Linear,
    Network,
    Relu,
)
from tests.conformance.builder import CORNER_CELLS, SMALL  # noqa: E402
from tests.unit.test_formats_tflite import (  # noqa: E402
    BUILTIN,
    XNNPACK,
    images_for,
    load,
    run_onnx,
    run_tflite,
    schema,
)

TOLERANCE = {"fp16": 3e-3, "int8": 0.08}
"""Relative to the largest output."""
HALF_LARGEST = 65504
RUNS = {
    "onnx": run_onnx,
    "xnnpack": lambda content, images: run_tflite(content, images, XNNPACK),
    "builtin": lambda content, images: run_tflite(content, images, BUILTIN),
}
MIXED = (
    Conv2d("plain", ("input",), 4, 4, 3, padding=1),
    Relu("plain.relu", ("plain",)),
    Conv2d("strided", ("input",), 4, 4, 3, stride=2, padding=1, groups=4, bias=True),
    BatchNorm("norm", ("input",), 4),
    Relu("norm.relu", ("norm",)),
    AvgPool("pool", ("norm.relu",), 3, padding=1),
    Relu("pool.relu", ("pool",)),
    ChannelShuffle("shuffle", ("pool.relu",), 2),
    Relu("shuffle.relu", ("shuffle",)),
    Add("three", ("plain.relu", "shuffle.relu", "input")),
    Relu("three.relu", ("three",)),
    Conv2d("narrow", ("three",), 4, 4, 3, stride=2, padding=1),
    Add("both", ("narrow", "strided")),
    GlobalAvgPool("mean", ("both",)),
    Relu("mean.relu", ("mean",)),
    Linear("first", ("mean.relu",), 4, 6),
    Relu("first.relu", ("first",)),
    Linear("classifier", ("first.relu",), 6, 3),
)


def written(network: Network, runner: str, precision: str, batch: int = 1) -> bytes:
    format = "onnx" if runner == "onnx" else "tflite"
    return FORMATS.get(format).build(network, 0, batch, precision)


def assert_agrees(network: Network, runner: str, precision: str, batch: int = 1) -> None:
    images = images_for(network, batch)
    expected = run_onnx(FORMATS.get("onnx").build(network, 0, batch), images)
    found = RUNS[runner](written(network, runner, precision, batch), images)
    assert found.dtype == np.float32
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert 0 < error < TOLERANCE[precision]


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("runner", RUNS)
class TestAgreement:
    @pytest.mark.parametrize("space", ["nb201", "fbnet"])
    def test_of_random_architectures(self, runner, precision, space):
        for arch in spaces.get(space).sample(np.random.default_rng(7), 5):
            assert_agrees(spaces.get(space).network(arch), runner, precision)

    @pytest.mark.parametrize("cell", CORNER_CELLS)
    def test_of_corner_cells(self, runner, precision, cell):
        assert_agrees(SMALL.network(SMALL.from_indices(cell)), runner, precision, 2)

    def test_of_layers_in_combinations_that_no_space_has(self, runner, precision):
        network = Network("n", (4, 8, 8), (Input("input", ()), *MIXED))
        assert_agrees(network, runner, precision, batch=3)

    def test_of_a_cell_that_grows_its_input_a_million_times(self, runner, precision):
        space = spaces.get("nb201")
        assert_agrees(space.network(space.from_indices([1] * 6)), runner, precision)

    def test_content_depends_on_seed_alone(self, runner, precision):
        network = SMALL.network(SMALL.from_indices([3, 2, 1, 4, 3, 2]))
        one, two = (written(network, runner, precision) for _ in range(2))
        assert one == two


@pytest.mark.parametrize("indices", [[1] * 6, [4, 1, 1, 1, 4, 1], [3] * 6])
def test_no_activation_leaves_the_range_of_float16(indices):
    space = spaces.get("nb201")
    network, weights = lowered(space.network(space.from_indices(indices)))
    before = observed(float_model(network, weights, 1))
    rescaled = within_half(network, weights, before)
    after = observed(float_model(network, rescaled, 1))
    assert max(abs(value) for range in after.values() for value in range) < HALF_LARGEST / 4
    np.testing.assert_allclose(after["classifier"], before["classifier"], rtol=1e-5)
    if indices == [3] * 6:
        assert all((rescaled[name] == weights[name]).all() for name in weights)


def lowered(network: Network):
    return lower(network, drawn.seeded(network, 0))


@pytest.fixture(params=["nb201", "fbnet"])
def network(request) -> Network:
    space = spaces.get(request.param)
    indices = [3, 2, 1, 4, 3, 2] if request.param == "nb201" else [i % 9 for i in range(22)]
    return space.network(space.from_indices(indices))


def optimised(content: bytes, tmp_path) -> set[str]:
    """Kinds of operators that onnxruntime really runs."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return {node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node}


def test_int8_onnx_runs_on_integer_kernels(network, tmp_path):
    kinds = optimised(written(network, "onnx", "int8"), tmp_path)
    assert "QLinearConv" in kinds
    assert not kinds & {"Add", "AveragePool", "Conv", "FusedConv", "Gemm", "Mul", "Relu"}


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_onnx_is_valid_and_its_ends_are_float32(network, precision):
    model = onnx.load_from_string(written(network, "onnx", precision, 2))
    onnx.checker.check_model(model, full_check=True)
    ends = [*model.graph.input, *model.graph.output]
    assert [end.name for end in ends] == ["input", "classifier"]
    assert {end.type.tensor_type.elem_type for end in ends} == {onnx.TensorProto.FLOAT}


def test_fp16_onnx_holds_no_float32(network):
    model = onnx.load_from_string(written(network, "onnx", "fp16"))
    assert onnx.TensorProto.FLOAT not in {tensor.data_type for tensor in model.graph.initializer}


def test_int8_tflite_is_all_integers_between_its_ends(network):
    session = load(written(network, "tflite", "int8"), BUILTIN)
    operators = session._get_ops_details()
    kinds = [operator["op_name"] for operator in operators]
    assert (kinds[0], kinds[-1]) == ("QUANTIZE", "DEQUANTIZE")
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(kinds[1:-1])
    ends = {session.get_input_details()[0]["index"], session.get_output_details()[0]["index"]}
    used = {n for op in operators for n in (*op["inputs"], *op["outputs"])} - ends
    kinds = {tensor["dtype"] for tensor in session.get_tensor_details() if tensor["index"] in used}
    assert kinds == {np.int8, np.int32}


def test_int8_tflite_weights_have_a_scale_a_channel(network):
    session = load(written(network, "tflite", "int8"), BUILTIN)
    found = {tensor["name"]: tensor for tensor in session.get_tensor_details()}
    for operator in session._get_ops_details():
        if operator["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            (output,) = (t for t in found.values() if t["index"] == operator["outputs"][0])
            for number in operator["inputs"][1:]:
                (tensor,) = (t for t in found.values() if t["index"] == number)
                assert len(tensor["quantization_parameters"]["scales"]) == output["shape"][-1]
                assert not tensor["quantization_parameters"]["zero_points"].any()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_xnnpack_takes_the_whole_chain(precision):
    # Not so cells with average pooling, of which XNNPACK has no int8 version.
    space = spaces.get("fbnet")
    chain = space.network(space.from_indices([i % 9 for i in range(22)]))
    session = load(written(chain, "tflite", precision))
    delegated = [op for op in session._get_ops_details() if op["op_name"] == "DELEGATE"]
    assert len(delegated) == 1
    ends = (session.get_input_details()[0]["index"], session.get_output_details()[0]["index"])
    assert ends[0] in delegated[0]["inputs"]
    assert ends[1] in delegated[0]["outputs"]


def test_fp16_tflite_stores_halves(network):
    content = written(network, "tflite", "fp16")
    model = schema.ModelT.InitFromPackedBuf(content)
    stored = [t for t in model.subgraphs[0].tensors if t.buffer]
    assert schema.TensorType.FLOAT32 not in {tensor.type for tensor in stored}
    assert len(content) < 0.6 * len(FORMATS.get("tflite").build(network, 0, 1))


def test_scales_hold_zero_exactly_and_cover_their_range():
    for low, high in [(-1.0, 3.0), (0.0, 6.0), (2.0, 5.0), (-4.0, -1.0), (0.0, 0.0)]:
        scale = int8.of_range(low, high)
        assert int8.integers(np.zeros(1, np.float32), scale) == scale.zero
        ends = np.array([low, high], dtype=np.float32)
        back = scale.step * (int8.integers(ends, scale).astype(np.float32) - scale.zero)
        np.testing.assert_allclose(back, ends, atol=1.01 * float(scale.step[0]))
