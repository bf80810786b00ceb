"""OpenVINO on the device, through the harness."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino")

from latkit.formats.cache import ModelCache
from latkit.measure.reference import reference_output, same_output
from latkit.protocol import BlockEvent, MeasureRequest
from latkit.subjects import Recipe
from tests.conformance.builder import SMALL
from tests.conformance.runner import Harness, RunnerConformance

FORMAT = "onnx"


@pytest.fixture(scope="module")
def network():
    return SMALL.network(SMALL.sample(np.random.default_rng(0), 1)[0])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(cache: ModelCache, network) -> Path:
    return cache.get(network, Recipe(FORMAT)).path


@pytest.fixture(scope="module")
def expected(cache: ModelCache, network):
    return reference_output(cache.get(network).path, 0)


class TestOpenVINO(RunnerConformance):
    runtime = "openvino"
    provider = "CPU"
    format = FORMAT

    @pytest.mark.parametrize("precision", ["fp16", "int8"])
    def test_other_precisions_compute_the_same(
        self, harness: Harness, request_: MeasureRequest, cache, network, expected, precision
    ):
        file = cache.get(network, Recipe(FORMAT, precision=precision))
        request = replace(request_, model=str(file.path), precision=precision)
        block = harness.ask(request)
        assert isinstance(block, BlockEvent), block
        assert same_output(block.output, expected, precision)
