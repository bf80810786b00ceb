"""onnxruntime on the device, through the harness."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latkit.formats.cache import ModelCache
from latkit.measure.reference import reference_output
from latkit.protocol import Failed, MeasureRequest
from tests.conformance.builder import SMALL
from tests.conformance.runner import Harness, RunnerConformance


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = SMALL.network(SMALL.sample(np.random.default_rng(0), 1)[0])
    return ModelCache(tmp_path_factory.mktemp("models")).get(network).path


@pytest.fixture(scope="module")
def expected(model: Path):
    return reference_output(model, 0)


class TestOnnxruntime(RunnerConformance):
    runtime = "onnxruntime"
    provider = "CPUExecutionProvider"
    format = "onnx"

    def test_a_model_that_never_ends_is_given_up(
        self, harness: Harness, request_: MeasureRequest, tmp_path: Path
    ):
        path = onnx_model(tmp_path / "endless.onnx", endless_loop())
        failed = harness.ask(replace(request_, model=str(path), timeout_s=0.5))
        assert (failed.kind, failed.detail) == ("timeout", "no result within 0.5 s")
        assert harness.children() == []

    def test_a_model_that_wants_too_much_memory_fails_for_it(
        self, harness: Harness, request_: MeasureRequest, tmp_path: Path
    ):
        path = onnx_model(tmp_path / "huge.onnx", huge_constant())
        failed = harness.ask(replace(request_, model=str(path), memory_limit_mb=4096))
        assert isinstance(failed, Failed)
        assert failed.kind == "memory"

    def test_an_output_that_is_not_finite_is_an_error(
        self, harness: Harness, request_: MeasureRequest, tmp_path: Path
    ):
        path = onnx_model(tmp_path / "nan.onnx", not_a_number())
        failed = harness.ask(replace(request_, model=str(path)))
        assert isinstance(failed, Failed)
        assert "not finite" in failed.detail


def endless_loop():
    """The body adds nothing, 2**62 times."""
    from onnx import TensorProto, helper

    scalar = [helper.make_tensor_value_info(n, TensorProto.BOOL, []) for n in ("go", "go_on")]
    flow = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1]) for n in ("a", "b")]
    step = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Exp", ["a"], ["b"])],
        "body",
        [step, scalar[0], flow[0]],
        [scalar[1], flow[1]],
    )
    trips = helper.make_tensor("trips", TensorProto.INT64, [], [2**62])
    return [helper.make_node("Loop", ["trips", "", "x"], ["y"], body=body)], [trips]


def huge_constant():
    from onnx import TensorProto, helper

    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [10**5, 10**6])
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [0, 1])
    ones = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["big"], value=ones),
        helper.make_node("Add", ["big", "x"], ["more"]),
        helper.make_node("ReduceMax", ["more", "axes"], ["y"]),
    ]
    return nodes, [shape, axes]


def not_a_number():
    from onnx import helper

    nodes = [helper.make_node("Sub", ["x", "x"], ["z"]), helper.make_node("Div", ["z", "z"], ["y"])]
    return nodes, []


def onnx_model(path: Path, content) -> Path:
    from onnx import TensorProto, helper

    nodes, constants = content
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1]) for n in "xy")
    graph = helper.make_graph(nodes, "misbehaving", [x], [y], constants)
    opset = [helper.make_opsetid("", 18)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    )
    return path
