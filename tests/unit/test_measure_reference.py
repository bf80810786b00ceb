"""What a network should compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.errors import LatkitError
from latkit.formats.cache import ModelCache
from latkit.measure.models import INPUT_SEED, ModelFiles
from latkit.measure.reference import reference_output, same_output, summarise
from latkit.spaces.nb201 import NB201
from latkit.subjects import Recipe

SPACE = NB201(channels=4, cells=1, resolution=16)


def test_torch_computes_the_same(tmp_path: Path):
    torch = pytest.importorskip("torch")
    from latkit.formats import torch as build_torch

    arch = SPACE.sample(np.random.default_rng(0), 1)[0]
    models = ModelFiles(SPACE, ModelCache(tmp_path), Recipe("onnx", batch=2))
    network = SPACE.network(arch)
    image = np.random.RandomState(INPUT_SEED).standard_normal((2, *network.input_shape))
    found = build_torch.build(network, 0)(torch.from_numpy(image.astype(np.float32)))
    expected = models.expected(arch)
    assert expected.count == 20
    assert same_output(summarise(found.numpy().ravel()), expected, "fp32")
    assert not same_output(reference_output(models.file(arch).path, 1), expected, "fp32")


def test_a_file_that_cannot_be_run_is_one_clear_error(tmp_path: Path):
    (tmp_path / "bad.onnx").write_bytes(b"garbage")
    with pytest.raises(LatkitError, match=r"cannot run .*bad\.onnx"):
        reference_output(tmp_path / "bad.onnx", 0)


@given(st.integers(1, 3000))
def test_a_summary_is_small_and_evenly_spaced(count: int):
    values = np.arange(count, dtype=np.float32)
    found = summarise(values)
    assert found.count == count
    assert len(found.values) == min(count, -(-count // -(-count // 64)))
    assert len(set(np.diff(found.values))) <= 1
    assert found.mean == pytest.approx((count - 1) / 2)
