"""Ncnn on the device, through the harness."""

import pytest

pytest.importorskip("ncnn")

from tests.conformance.runner_of_models import BuiltRunnerConformance


class TestNcnn(BuiltRunnerConformance):
    runtime = "ncnn"
    provider = "CPU"
    format = "ncnn"
    other_precisions = ("fp16",)
