"""Of ONNX files only what latkit writes is let near a runtime, and only where it ends in time."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from latkit.errors import BundleError
from latkit.predictor import graph_file
from latkit.predictor.adapt import adapt
from latkit.predictor.bundle import Bundle
from latkit.predictor.export import build
from latkit.predictor.runtime import OUTPUTS, AdaptedFile
from latkit.predictor.session import output_shapes
from latkit.predictor.wire import message
from latkit.predictor.workload import shapes
from tests.unit.test_predictor_adapt import sampled
from tests.unit.toy_bundle import toy_bundle

GOOD = build(adapt(toy_bundle(), *sampled(10)), {}).SerializeToString()


def changed(change):
    model = onnx.load_model_from_string(GOOD)
    change(model)
    return model.SerializeToString()


def before_all(*nodes):
    def change(model):
        kept = list(model.graph.node)
        del model.graph.node[:]
        model.graph.node.extend([*nodes, *kept])

    return change


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def adding(*constants):
    return lambda model: model.graph.initializer.extend(constants)


def doing(*changes):
    def change(model):
        for one in changes:
            one(model)

    return change


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs, [output], **attributes)


def doubled(times):
    """Broadcasting and concatenating, over and over."""
    return [node("Concat", [f"d{i}"] * 2, f"d{i + 1}", axis=0) for i in range(times)]


def outside(model):
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    for key, value in (("location", "/etc/passwd"), ("offset", "0"), ("length", "8")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def output(index, **fields):
    def change(model):
        info = model.graph.output[index]
        model.graph.output[index].CopyFrom(
            helper.make_tensor_value_info(
                fields.get("name", info.name), fields.get("kind", TensorProto.DOUBLE), ["n"]
            )
        )

    return change


BODY = helper.make_graph([], "body", [], [])
ONE_ROW = constant("d0", np.zeros((1, 1)))
EVIL = {
    "a loop": before_all(helper.make_node("Loop", ["x"], ["y"], body=BODY)),
    "a branch": before_all(helper.make_node("If", ["x"], ["y"], then_branch=BODY)),
    "a scan": before_all(helper.make_node("Scan", ["x"], ["y"], body=BODY, num_scan_inputs=1)),
    "an operation of another maker": before_all(
        helper.make_node("Identity", ["operations"], ["y"], domain="com.microsoft")
    ),
    "an operation of machine learning": before_all(
        helper.make_node("Scaler", ["operations"], ["y"], domain="ai.onnx.ml")
    ),
    "an operation unheard of": before_all(node("NonZero", ["operations"], "y")),
    "a random one": before_all(node("RandomNormal", [], "y", shape=[2**31])),
    "other files": outside,
    "another maker's operations": lambda m: m.opset_import.append(helper.make_opsetid("x", 1)),
    "a later version": lambda m: setattr(m.opset_import[0], "version", 99),
    "no version": lambda m: m.ClearField("opset_import"),
    "functions": lambda m: m.functions.append(
        helper.make_function("x", "f", ["a"], ["b"], [node("Identity", ["a"], "b")], [])
    ),
    "training": lambda m: m.training_info.append(onnx.TrainingInfoProto()),
    "a sparse tensor": lambda m: m.graph.sparse_initializer.append(onnx.SparseTensorProto()),
    "a text": adding(helper.make_tensor("s", TensorProto.STRING, [1], [b"x"])),
    "a making of texts": before_all(node("Cast", ["operations"], "y", to=TensorProto.STRING)),
    "a tensor larger than its numbers": adding(
        TensorProto(name="s", dims=[2**40], data_type=1, raw_data=b"1234")
    ),
    "a tensor of negative size": adding(TensorProto(name="s", dims=[-1], data_type=1)),
    "an ocean": doing(
        adding(constant("o", np.array([2**20, 2**20]))),
        before_all(node("ConstantOfShape", ["o"], "y")),
    ),
    "an ocean by broadcasting": doing(
        adding(constant("row", np.zeros((1, 2**15))), constant("column", np.zeros((2**15, 1)))),
        before_all(node("Add", ["row", "column"], "y")),
    ),
    "an ocean by concatenating": doing(adding(ONE_ROW), before_all(*doubled(60))),
    "an ocean by gathering": doing(
        adding(constant("g", np.zeros((1, 2**14))), constant("rows", np.zeros(2**14, np.int64))),
        before_all(node("Gather", ["g", "rows"], "y", axis=0)),
    ),
    "an ocean by one-hots": doing(
        adding(constant("depth", np.array([2**40])), constant("values", np.zeros(2))),
        before_all(node("OneHot", ["operations", "depth", "values"], "y")),
    ),
    "an age of multiplying": doing(
        adding(constant("w", np.zeros((2**11, 2**11)))),
        before_all(
            node("MatMul", ["w", "w"], "m0"),
            *[node("MatMul", [f"m{i}", "w"], f"m{i + 1}") for i in range(20)],
        ),
    ),
    "many oceans kept": doing(
        adding(constant("o", np.array([2**24]))),
        before_all(*[node("ConstantOfShape", ["o"], f"y{i}") for i in range(10)]),
    ),
    "an age of dimensions": doing(
        adding(constant("axes", np.arange(1024))),
        before_all(
            node("Unsqueeze", ["operations", "axes"], "u0"),
            *[node("Unsqueeze", [f"u{i}", "axes"], f"u{i + 1}") for i in range(4000)],
        ),
    ),
    "a tensor of countless dimensions": lambda m: m.graph.initializer.add(
        name="x", data_type=TensorProto.FLOAT, dims=[127] * 500_000
    ),
    "an operation of countless inputs": before_all(node("Max", ["operations"] * 600, "y")),
    "the least whole number by minus one": doing(
        adding(constant("least", np.array([-(2**63)])), constant("minus", np.array([-1]))),
        before_all(node("Min", ["operations", "least"], "y"), node("Div", ["y", "minus"], "z")),
    ),
    "zeros divided by zeros": doing(
        adding(constant("o", np.array([4]))),
        before_all(
            node("ConstantOfShape", ["o"], "y", value=constant("v", np.zeros(1, np.int32))),
            node("Div", ["y", "y"], "z"),
        ),
    ),
    "a shape that depends on the input": before_all(
        node("Reshape", ["operations", "operations"], "y")
    ),
    "a circle": before_all(node("Identity", ["y"], "y")),
    "a name twice": before_all(node("Identity", ["operations"], "operations")),
    "another input": lambda m: setattr(m.graph.input[0], "name", "cells"),
    "an input of another type": lambda m: m.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("operations", TensorProto.FLOAT, ["n", 6])
    ),
    "one input more": lambda m: m.graph.input.append(
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])
    ),
    "another output": output(0, name="mean_s"),
    "an output of another type": output(0, kind=TensorProto.FLOAT),
    "too few outputs": lambda m: m.graph.output.pop(),
    "too many operations": before_all(
        *[node("Identity", ["operations"], f"y{i}") for i in range(6000)]
    ),
    "no notes": lambda m: m.ClearField("metadata_props"),
    "notes that are no JSON": lambda m: helper.set_model_props(m, {"latkit": "[" * 10**5}),
    "notes of many digits": lambda m: helper.set_model_props(m, {"latkit": "9" * 5000}),
    "notes of other positions": lambda m: helper.set_model_props(
        m, {"latkit": '{"format": 1, "positions": 7, "operations": [1]}'}
    ),
    "notes of positions that are none": lambda m: helper.set_model_props(
        m, {"latkit": '{"format": 1, "positions": "6", "operations": [1]}'}
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("change", EVIL.values(), ids=EVIL)
def test_what_latkit_does_not_write_is_refused(change):
    with pytest.raises(BundleError, match="damaged, or no predictor of latkit's") as caught:
        AdaptedFile.of(changed(change), "p.onnx")
    assert "adapt and export again" in caught.value.hint


def test_a_graph_that_is_there_twice_is_refused():
    """A reader of Protocol Buffers makes one of both."""
    graph = onnx.load_model_from_string(GOOD).graph.SerializeToString()
    more = onnx.ModelProto(graph=onnx.GraphProto(name="x")).SerializeToString()
    assert len(graph) > len(more)
    with pytest.raises(BundleError, match="twice"):
        AdaptedFile.of(GOOD + more, "p.onnx")


def test_empty_parts_without_end_are_not_read():
    with pytest.raises(BundleError, match="more parts"):
        AdaptedFile.of(GOOD + b"\x72\x00" * 15_000_000, "p.onnx")


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/stdin"])
def test_what_is_no_file_is_not_read(tmp_path, place):
    (tmp_path / "p.onnx").symlink_to(place)
    with pytest.raises(BundleError, match="cannot read"):
        AdaptedFile.load(tmp_path / "p.onnx")


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_answers_that_are_no_latencies_are_refused(value):
    def change(model):
        model.graph.node.extend([node("Mul", ["mean_ms", "evil"], "upper")])
        model.graph.initializer.append(constant("evil", value))
        last = next(n for n in model.graph.node if n.output[0] == "upper_ms")
        last.output[0] = "honest"
        model.graph.node.extend([node("Identity", ["upper"], "upper_ms")])

    found = AdaptedFile.of(changed(change), "p.onnx")
    with pytest.raises(BundleError, match="can be no latencies"):
        found.predict(np.zeros((3, 6), dtype=np.int64))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_is_more_than_a_bundle_error(data):
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 3000) | st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    try:
        AdaptedFile.of(bytes(content), "p.onnx").predict(np.zeros((2, 6), dtype=np.int64))
    except BundleError:
        return


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_a_value_error(content):
    for read in (graph_file.read, lambda c: message(memoryview(c))):
        try:
            read(content)
        except ValueError:
            continue


@pytest.mark.parametrize("space", ["nb201", "fbnet"])
def test_shapes_are_those_that_a_runtime_finds(space):
    bundle = Bundle.shipped(space)
    positions = bundle.manifest["positions"]
    graph = graph_file.read(bundle.features_onnx)
    found = shapes(graph, {"operations": (5, positions)})
    names = [one.name for one in bundle._session.get_outputs()]
    answers = bundle._session.run(names, {"operations": np.zeros((5, positions), dtype=np.int64)})
    assert found == {name: values.shape for name, values in zip(names, answers, strict=True)}


def test_what_latkit_writes_is_taken():
    graph = graph_file.read(GOOD)
    assert set(graph.outputs) == set(OUTPUTS)
    assert set(output_shapes(graph, 6).values()) == {(4096,)}
