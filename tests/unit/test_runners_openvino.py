"""OpenVINO on the device, through the harness."""

import pytest

pytest.importorskip("openvino")

from tests.conformance.runner_of_models import BuiltRunnerConformance


class TestOpenVINO(BuiltRunnerConformance):
    runtime = "openvino"
    provider = "CPU"
    format = "onnx"
    other_precisions = ("fp16", "int8")
