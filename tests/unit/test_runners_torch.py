"""PyTorch on the device, through the harness."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from latkit.formats.cache import ModelCache  # noqa: E402
from latkit.measure.reference import reference_output, same_output  # noqa: E402
from latkit.protocol import BlockEvent, Failed, MeasureRequest  # noqa: E402
from latkit.spaces.base import Space  # noqa: E402
from latkit.spaces.fbnet import FBNet  # noqa: E402
from latkit.subjects import Recipe  # noqa: E402
from tests.conformance.builder import SMALL  # noqa: E402
from tests.conformance.runner import Harness, RunnerConformance  # noqa: E402


def network_of(space: Space):
    return space.network(space.sample(np.random.default_rng(0), 1)[0])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(cache: ModelCache) -> Path:
    return cache.get(network_of(SMALL), Recipe("torch")).path


@pytest.fixture(scope="module")
def expected(cache: ModelCache):
    return reference_output(cache.get(network_of(SMALL)).path, 0)


class TestEager(RunnerConformance):
    runtime = "torch"
    provider = "eager"
    format = "torch"

    @pytest.mark.skipif(not shutil.which("c++"), reason="torch.compile needs a C++ compiler")
    def test_compiled_it_computes_the_same(
        self, harness: Harness, request_: MeasureRequest, expected
    ):
        block = harness.ask(replace(request_, provider="compile", timeout_s=240.0))
        assert isinstance(block, BlockEvent), block
        assert block.providers == ("compile",)
        assert same_output(block.output, expected, "fp32")

    def test_a_space_of_other_layers(self, harness: Harness, request_: MeasureRequest, cache):
        network = network_of(FBNet())
        file = cache.get(network, Recipe("torch"))
        block = harness.ask(replace(request_, model=str(file.path)))
        assert isinstance(block, BlockEvent), block
        expected = reference_output(cache.get(network).path, 0)
        assert same_output(block.output, expected, "fp32")

    @pytest.mark.skipif(torch.version.cuda is not None, reason="this PyTorch knows CUDA")
    def test_a_gpu_that_is_not_there_is_an_error(self, harness: Harness, request_: MeasureRequest):
        failed = harness.ask(replace(request_, provider="eager:cuda"))
        assert isinstance(failed, Failed)
        assert "eager:cuda is not in this PyTorch, which has eager" in failed.detail


class TestTorchscript(RunnerConformance):
    runtime = "torch"
    provider = "torchscript"
    format = "torch"
