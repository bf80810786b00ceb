from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

from ai_edge_litert import schema_py_generated as schema  # noqa: E402

from latkit import spaces  # noqa: E402
from latkit.errors import UsageError  # noqa: E402
from latkit.formats import FORMATS  # noqa: E402
from latkit.network import (  # noqa: E402
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
)
from latkit.spaces.fbnet import FBNet  # noqa: E402
from latkit.spaces.nb201 import NB201  # noqa: E402
from tests.conformance.builder import SMALL, BuilderConformance  # noqa: E402

XNNPACK = interpreter.OpResolverType.AUTO
BUILTIN = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
INPUT = Input("input", ())


def load(content: bytes, kernels=XNNPACK):
    session = interpreter.Interpreter(
        model_content=content, num_threads=1, experimental_op_resolver_type=kernels
    )
    session.allocate_tensors()
    return session


def run_tflite(content: bytes, images, kernels=XNNPACK):
    session = load(content, kernels)
    session.set_tensor(session.get_input_details()[0]["index"], images.transpose(0, 2, 3, 1))
    session.invoke()
    return session.get_tensor(session.get_output_details()[0]["index"])


def run_onnx(content: bytes, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})[0]


def run_torch(network: Network, images):
    torch = pytest.importorskip("torch")
    from latkit.formats import torch as build_torch

    return build_torch.build(network)(torch.from_numpy(images)).numpy()


def written(network: Network, batch: int = 1) -> bytes:
    return FORMATS.get("tflite").build(network, 0, batch)


def chain(*layers: Layer, size=(4, 8, 8)) -> Network:
    return Network("n", size, (INPUT, *layers))


def operators(network: Network) -> list[tuple[str, object]]:
    """Kind and options of every operator that was written."""
    model = schema.ModelT.InitFromPackedBuf(written(network))
    kinds = {number: name for name, number in vars(schema.BuiltinOperator).items()}
    codes = [kinds[code.builtinCode] for code in model.operatorCodes]
    return [(codes[op.opcodeIndex], op.builtinOptions) for op in model.subgraphs[0].operators]


def kinds(network: Network) -> list[str]:
    return [kind for kind, _ in operators(network)]


def images_for(network: Network, batch: int = 1):
    shape = (batch, *network.input_shape)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def assert_agrees(network: Network) -> None:
    images = images_for(network, 2)
    expected = run_torch(network, images)
    if expected.ndim == 4:
        expected = expected.transpose(0, 2, 3, 1)
    for kernels in (XNNPACK, BUILTIN):
        found = run_tflite(written(network, 2), images, kernels)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


class TestXnnpack(BuilderConformance):
    format = "tflite"
    kernels = XNNPACK

    def run(self, content, images):
        return run_tflite(content, images, self.kernels)


class TestBuiltinKernels(TestXnnpack):
    kernels = BUILTIN


@pytest.mark.parametrize("space", ["nb201", "fbnet"])
def test_onnx_tflite_and_torch_agree(space):
    for arch in spaces.get(space).sample(np.random.default_rng(7), 30):
        network = spaces.get(space).network(arch)
        images = images_for(network)
        onnx = run_onnx(FORMATS.get("onnx").build(network, 0, 1), images)
        tflite = run_tflite(written(network), images)
        torch = run_torch(network, images)
        for one, other in ((onnx, tflite), (tflite, torch), (torch, onnx)):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-4, err_msg=str(arch))


WINDOWS = {
    "kernel": st.integers(1, 5),
    "stride": st.integers(1, 3),
    "padding": st.integers(0, 3),
    "height": st.integers(1, 10),
    "width": st.integers(1, 10),
}


def fits(kernel, padding, height, width) -> bool:
    return min(height, width) + 2 * padding >= kernel


@settings(max_examples=60, deadline=None)
@given(groups=st.sampled_from([1, 2, 4]), **WINDOWS)
def test_convolutions_of_every_window_agree(groups, kernel, stride, padding, height, width):
    assume(fits(kernel, padding, height, width))
    conv = Conv2d("conv", ("input",), 4, 8, kernel, stride, padding, groups)
    assert_agrees(chain(conv, size=(4, height, width)))


@settings(max_examples=60, deadline=None)
@given(**WINDOWS)
def test_average_pooling_agrees_or_is_refused(kernel, stride, padding, height, width):
    assume(fits(kernel, padding, height, width) and padding <= kernel // 2)
    network = chain(AvgPool("pool", ("input",), kernel, stride, padding), size=(4, height, width))
    refused = refusal(network)
    if refused is None:
        assert_agrees(network)
    else:
        assert "'pool'" in refused
        assert padding


def refusal(network: Network) -> str | None:
    try:
        written(network)
    except UsageError as problem:
        return problem.message
    return None


def test_layers_in_combinations_that_no_space_has_agree():
    layers = (
        Conv2d("plain", ("input",), 4, 4, 3, padding=1),
        Relu("plain.relu", ("plain",)),
        BatchNorm("norm", ("input",), 4),
        Relu("norm.relu", ("norm",)),
        AvgPool("pool", ("norm.relu",), 3, padding=1),
        Relu("pool.relu", ("pool",)),
        ChannelShuffle("shuffle", ("pool.relu",), 2),
        Relu("shuffle.relu", ("shuffle",)),
        Add("three", ("plain.relu", "shuffle.relu", "input")),
        Relu("three.relu", ("three",)),
        GlobalAvgPool("mean", ("three.relu",)),
        Relu("mean.relu", ("mean",)),
        Linear("first", ("mean.relu",), 4, 6),
        Relu("first.relu", ("first",)),
        Linear("classifier", ("first.relu",), 6, 3),
    )
    assert_agrees(chain(*layers))


def test_relu_is_fused_into_the_operator_before_it():
    network = FBNet().network(FBNet().from_indices([2] * 22))
    assert "RELU" not in kinds(network)


@pytest.mark.parametrize("reader", [Relu("other", ("conv",)), Add("other", ("conv", "input"))])
def test_relu_is_not_fused_where_its_input_is_read_elsewhere(reader):
    conv = Conv2d("conv", ("input",), 4, 4, 1)
    network = chain(conv, Relu("relu", ("conv",)), reader, Add("sum", ("relu", "other")))
    assert "RELU" in kinds(network)
    assert_agrees(network)


@pytest.mark.parametrize(
    ("side", "stride", "expected"),
    [
        (8, 1, [("CONV_2D", schema.Padding.SAME)]),
        (9, 2, [("CONV_2D", schema.Padding.SAME)]),
        (8, 2, [("PAD", None), ("CONV_2D", schema.Padding.VALID)]),
    ],
)
def test_padding_is_same_only_where_that_is_symmetric(side, stride, expected):
    network = chain(Conv2d("conv", ("input",), 4, 4, 3, stride, 1), size=(4, side, side))
    found = [(kind, getattr(options, "padding", None)) for kind, options in operators(network)]
    assert found == expected


def test_convolutions_by_groups():
    convs = [Conv2d("conv", ("input",), 4, 8, 3, groups=groups) for groups in (1, 2, 4)]
    found = [kinds(chain(conv)) for conv in convs]
    assert found == [["CONV_2D"], ["CONV_2D"], ["DEPTHWISE_CONV_2D"]]


@pytest.mark.parametrize(
    "network",
    [
        NB201().network(NB201().from_indices([3, 2, 1, 4, 3, 2])),
        FBNet().network(FBNet().from_indices([layer % 9 for layer in range(22)])),
    ],
    ids=["nb201", "fbnet"],
)
def test_xnnpack_takes_the_whole_network(network):
    session = load(written(network))
    delegated = [op for op in session._get_ops_details() if op["op_name"] == "DELEGATE"]
    assert len(delegated) == 1
    ends = (session.get_input_details()[0]["index"], session.get_output_details()[0]["index"])
    assert ends[0] in delegated[0]["inputs"]
    assert ends[1] in delegated[0]["outputs"]


def test_old_runtimes_can_read_it():
    content = written(FBNet().network(FBNet().from_indices([1] * 22)))
    assert content[4:8] == b"TFL3"
    model = schema.ModelT.InitFromPackedBuf(content)
    assert model.version == 3
    assert all(code.deprecatedBuiltinCode == code.builtinCode for code in model.operatorCodes)
    conv = schema.BuiltinOperator.CONV_2D
    newer = {(code.builtinCode, code.version) for code in model.operatorCodes if code.version > 1}
    assert newer == {(conv, 6)}  # that which knows groups, since TensorFlow 2.9


def test_convolutions_without_groups_need_nothing_new():
    model = schema.ModelT.InitFromPackedBuf(written(NB201().network(NB201().from_indices([3] * 6))))
    assert {code.version for code in model.operatorCodes} == {1}


def test_ends_are_named_and_static():
    session = load(written(SMALL.network(SMALL.from_indices([3] * 6)), batch=2))
    (source,), (sink,) = session.get_input_details(), session.get_output_details()
    assert (source["name"], list(source["shape"])) == ("input", [2, 16, 16, 3])
    assert (sink["name"], list(sink["shape"])) == ("classifier", [2, 10])
    assert source["dtype"] == sink["dtype"] == np.float32


def test_constants_are_aligned():
    content = written(SMALL.network(SMALL.from_indices([3, 2, 1, 4, 3, 2])))
    model = schema.Model.GetRootAs(content)
    tables = [model.Buffers(number)._tab for number in range(model.BuffersLength())]
    starts = [table.Vector(table.Offset(4)) for table in tables]
    assert len(starts) > 20
    assert all(start % 16 == 0 for start in starts)


@pytest.mark.parametrize("cell", [[3, 0, 0, 3, 0, 0], [3, 4, 2, 3, 0, 0], [0, 0, 2, 3, 0, 0]])
def test_what_nobody_reads_is_left_out(cell):
    raw, pruned = (
        kinds(SMALL.network(SMALL.from_indices(indices))) for indices in (cell, [0, 0, 0, 3, 0, 0])
    )
    assert raw == pruned


def test_an_unknown_layer_is_named():
    class Strange(Layer):
        __slots__ = ()

    with pytest.raises(UsageError, match=r"'odd' \(Strange\)"):
        written(chain(Strange("odd", ("input",))))


def test_without_the_schema_the_extra_is_named():
    program = (
        "import sys; sys.modules['ai_edge_litert'] = None\n"
        "from latkit.errors import MissingDependency\n"
        "try:\n    import latkit.formats.tflite\n"
        "except MissingDependency as e:\n    print(e.message, e.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "'ai-edge-litert'" in done.stdout, done.stderr
    assert "latkit[tflite]" in done.stdout
