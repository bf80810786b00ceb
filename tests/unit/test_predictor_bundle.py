import json

import numpy as np
import pytest

from latkit.errors import BundleError
from latkit.predictor.adapt import adapt
from latkit.predictor.bundle import FEATURES, MANIFEST, PRIOR, Bundle
from tests.unit.test_predictor_adapt import sampled
from tests.unit.toy_bundle import CELLS, toy_bundle


@pytest.fixture
def folder(tmp_path):
    toy_bundle().save(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_saved_bundle_adapts_alike(folder):
    ours = adapt(toy_bundle(), *sampled(10)).predict(CELLS[:200])
    theirs = adapt(Bundle.load(folder), *sampled(10)).predict(CELLS[:200])
    np.testing.assert_allclose(theirs.mean_ms, ours.mean_ms, rtol=1e-4)


@pytest.mark.parametrize("name", [MANIFEST, FEATURES, PRIOR])
def test_missing_file_is_said(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match="bundle"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", [MANIFEST, FEATURES, PRIOR])
def test_truncated_file_is_said(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match="damaged"):
        Bundle.load(folder)


def test_other_format_is_said(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(BundleError, match="format 99"):
        Bundle.load(folder)


def test_space_without_a_shipped_bundle_is_said():
    with pytest.raises(BundleError, match="no pretrained predictor for nasbench101"):
        Bundle.shipped("nasbench101")


@pytest.mark.parametrize("space", ["nb201", "fbnet"])
def test_shipped_bundle_is_small_and_tells_its_origin(space):
    from importlib import resources

    folder = resources.files("latkit.predictor") / "bundles" / space
    assert sum(len(file.read_bytes()) for file in folder.iterdir()) < 3_000_000
    manifest = Bundle.shipped(space).manifest
    assert {"devices", "seed", "created", "command", "latkit"} <= set(manifest)
    assert len(manifest["devices"]) >= 20
