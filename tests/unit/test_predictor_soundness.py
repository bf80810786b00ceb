"""A bundle is taken only where it is what it says: of its space, whole, of sensible numbers."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

import latkit
from latkit.cli import run
from latkit.errors import BundleError, UsageError
from latkit.lab.pretrain import _require_same_space
from latkit.predictor.adapt import adapt
from latkit.predictor.bundle import FEATURES, MANIFEST, PRIOR, Bundle
from latkit.predictor.export import write
from latkit.predictor.prior import HYPOTHESES
from tests.unit.test_predictor_adapt import sampled
from tests.unit.toy_bundle import toy_bundle

SHIPPED = Path(latkit.__file__).parent / "predictor" / "bundles"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(SHIPPED / "nb201", tmp_path / "bundle"))


def tell(folder, **changes):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": "fbnet"}, "not of fbnet, which has 22 positions"),
        ({"space": "fbnet", "positions": 22}, "operations are others"),
        ({"space": "nb201:c8"}, "not of nb201:c8, whose networks have other FLOPs"),
        ({"space": "nb201:n1"}, "other FLOPs"),
        ({"space": "nosuch"}, "unknown space 'nosuch'"),
        ({"space": ["nb201"]}, "unknown space"),
        ({"positions": 22}, "has 6 positions"),
        ({"positions": "6"}, "has 6 positions"),
        ({"positions": 6.0}, "has 6 positions"),
        ({"operations": ["a", "b", "c", "d", "e"]}, "operations are others"),
        ({"blocks": ["kinds"]}, "another shape"),
        ({"blocks": []}, "lacks"),
        ({"blocks": None}, "damaged"),
        ({"created": 7}, "when it was made"),
    ],
)
def test_a_bundle_of_something_else_is_refused(folder, changes, said):
    tell(folder, **changes)
    with pytest.raises(BundleError, match="damaged") as caught:
        Bundle.load(folder)
    assert said in caught.value.message


@pytest.mark.parametrize("name", [FEATURES, PRIOR])
def test_parts_of_different_bundles_are_refused(folder, name):
    shutil.copyfile(SHIPPED / "fbnet" / name, folder / name)
    with pytest.raises(BundleError, match="damaged"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", [MANIFEST, FEATURES, PRIOR])
def test_what_is_no_file_is_not_read(folder, name):
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="there is no bundle"):
        Bundle.load(folder)


def of_prior(name, value):
    def change(prior):
        owner = prior.hypotheses if name in HYPOTHESES else prior
        values = np.array(getattr(owner, name), dtype=float)
        values.flat[0] = value
        changed = {name: values}
        return (
            with_hypotheses(prior, **changed) if owner is not prior else replace(prior, **changed)
        )

    return change


def with_hypotheses(prior, **changed):
    return replace(prior, hypotheses=replace(prior.hypotheses, **changed))


@pytest.mark.parametrize(
    "change",
    [
        of_prior("noise", np.nan),
        of_prior("noise", 0),
        of_prior("cost_mean", 0),
        of_prior("cost_mean", -1),
        of_prior("source_ms", np.inf),
        of_prior("shares", -1),
        of_prior("variances", np.nan),
        of_prior("absolute", -0.1),
        of_prior("absolute", 1.1),
        lambda prior: with_hypotheses(prior, noise=prior.hypotheses.noise[:5]),
        lambda prior: with_hypotheses(prior, shares=prior.hypotheses.shares[:, :3]),
        lambda prior: replace(prior, source_mean=prior.source_mean[None]),
        lambda prior: replace(prior, whitening={True: np.eye(2), False: np.eye(2)}),
    ],
)
def test_a_prior_of_other_numbers_is_refused(change):
    good = toy_bundle()
    files = replace(good, prior=change(good.prior)).files()
    with pytest.raises(BundleError, match="its prior"):
        Bundle.from_files(files, "it")


def test_more_hypotheses_than_can_be_weighed_are_refused():
    with pytest.raises(BundleError, match="more than 20,000 hypotheses"):
        Bundle.from_files(toy_bundle(hypotheses=20_001).files(), "it")


def test_a_prior_that_takes_gigabytes_is_not_read(folder):
    """Its numbers are widened to float64, of which one byte in the file makes eight."""
    tensors = {**load_file(folder / PRIOR), "more": np.ones(64 << 20, np.uint8)}
    save_file(tensors, folder / PRIOR)
    with pytest.raises(BundleError, match="larger than"):
        Bundle.load(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e6])
def test_features_of_other_numbers_are_refused(value):
    model = onnx.load_model_from_string(toy_bundle().features_onnx)
    tensor = next(one for one in model.graph.initializer if one.name == "table_sources")
    values = numpy_helper.to_array(tensor).copy()
    values[:] = value
    tensor.CopyFrom(numpy_helper.from_array(values, "table_sources"))
    files = {**toy_bundle().files(), FEATURES: model.SerializeToString()}
    with pytest.raises(BundleError, match="of real networks"):
        Bundle.from_files(files, "it")


def test_a_predictor_that_makes_no_sense_replaces_none(tmp_path):
    file = tmp_path / "p.onnx"
    write(adapt(toy_bundle(), *sampled(10)), file, {})
    before = file.read_bytes()
    broken = replace(adapt(toy_bundle(), *sampled(10)), scale=float("nan"))
    with pytest.raises(BundleError, match="can be no latencies"):
        write(broken, file, {})
    assert file.read_bytes() == before


def test_a_bundle_of_another_space_is_not_replaced(folder):
    _require_same_space(folder, "nb201")
    with pytest.raises(UsageError, match="holds a bundle of nb201"):
        _require_same_space(folder, "fbnet")
    (folder / PRIOR).write_bytes(b"")
    _require_same_space(folder, "fbnet")


def test_pretraining_over_another_spaces_bundle_is_one_message(folder, capsys):
    words = ["pretrain", "--space", "fbnet", "--output", str(folder)]
    assert run(words) == 2
    assert "holds a bundle of nb201" in capsys.readouterr().err
