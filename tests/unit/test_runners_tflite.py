"""LiteRT on the device, through the harness."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("ai_edge_litert")

from latkit.protocol import Failed, MeasureRequest
from tests.conformance.runner import Harness
from tests.conformance.runner_of_models import BuiltRunnerConformance


class TestXnnpack(BuiltRunnerConformance):
    runtime = "tflite"
    provider = "XNNPACK"
    format = "tflite"
    other_precisions = ("fp16", "int8")

    def test_a_delegate_that_is_not_there_is_an_error(
        self, harness: Harness, request_: MeasureRequest
    ):
        failed = harness.ask(replace(request_, provider="delegate:/no/such/delegate.so"))
        assert isinstance(failed, Failed)
        assert "/no/such/delegate.so" in failed.detail


class TestBuiltinKernels(BuiltRunnerConformance):
    runtime = "tflite"
    provider = "builtin"
    format = "tflite"
