"""What a runtime must do whose model files latkit builds: one small network, in every precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from latkit.formats.cache import ModelCache
from latkit.measure.reference import reference_output, same_output
from latkit.network import Network
from latkit.protocol import BlockEvent, MeasureRequest, Output
from latkit.subjects import Recipe
from tests.conformance.builder import SMALL
from tests.conformance.runner import Harness, RunnerConformance


class BuiltRunnerConformance(RunnerConformance):
    """Set ``runtime``, ``provider`` and ``format``, and what is computed beside fp32."""

    other_precisions: ClassVar[Sequence[str]] = ()

    @pytest.fixture(scope="class")
    @classmethod
    def network(cls) -> Network:
        return SMALL.network(SMALL.sample(np.random.default_rng(0), 1)[0])

    @pytest.fixture(scope="class")
    @classmethod
    def cache(cls, tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
        return ModelCache(tmp_path_factory.mktemp("models"))

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, cache: ModelCache, network: Network) -> Path:
        return cache.get(network, Recipe(cls.format)).path

    @pytest.fixture(scope="class")
    @classmethod
    def expected(cls, cache: ModelCache, network: Network) -> Output:
        return reference_output(cache.get(network).path, 0)

    def test_other_precisions_compute_the_same(
        self, harness: Harness, request_: MeasureRequest, cache, network, expected
    ):
        for precision in self.other_precisions:
            file = cache.get(network, Recipe(self.format, precision=precision))
            request = replace(request_, model=str(file.path), precision=precision)
            block = harness.ask(request)
            assert isinstance(block, BlockEvent), block
            assert same_output(block.output, expected, precision)
