import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

from latkit import spaces
from latkit.devices.runners import runner_file
from latkit.errors import BundleError, LatkitError, UsageError
from latkit.predictor.adapt import adapt
from latkit.predictor.bundle import Bundle
from latkit.predictor.export import build, write
from latkit.predictor.runtime import AdaptedFile
from tests.unit.test_predictor_adapt import sampled
from tests.unit.toy_bundle import CELLS, toy_bundle

BUNDLE = toy_bundle()
NAMES = ("mean_ms", "lower_ms", "upper_ms")


@pytest.fixture(params=[3, 20, 60, 700])
def adapted(request):
    return adapt(BUNDLE, *sampled(request.param))


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "predictor.onnx"
    write(adapt(BUNDLE, *sampled(10)), file, {"device": "rpi4"})
    return file


def test_exported_file_predicts_what_the_adapter_predicts(adapted, tmp_path):
    write(adapted, tmp_path / "p.onnx", {})
    ours = adapted.predict(CELLS)
    theirs = AdaptedFile.load(tmp_path / "p.onnx").predict(CELLS)
    assert_same(ours, theirs)


def assert_same(ours, theirs):
    for name in NAMES:
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-6)


def adapted_to_a_mix_of_sources(space, n=20):
    bundle, rng = Bundle.shipped(space.name), np.random.default_rng(0)
    operations = random_operations(space, n, rng)
    latency_ms = 7 * bundle.features(operations).sources[:, :5].mean(axis=1)
    return adapt(bundle, operations, latency_ms * np.exp(0.02 * rng.standard_normal(n)))


def random_operations(space, n, rng):
    return rng.integers(len(space.operations), size=(n, space.positions))


@pytest.mark.parametrize("n", [20, 700])
@pytest.mark.parametrize("name", ["nb201", "fbnet"])
def test_shipped_bundles_export_what_numpy_computes(name, n, tmp_path):
    space = spaces.get(name)
    adapted = adapted_to_a_mix_of_sources(space, n)
    write(adapted, tmp_path / "p.onnx", {})
    assert (tmp_path / "p.onnx").stat().st_size < 3_000_000
    others = random_operations(space, 500, np.random.default_rng(1))
    ours, theirs = adapted.predict(others), AdaptedFile.load(tmp_path / "p.onnx").predict(others)
    assert_same(ours, theirs)


def test_exported_file_keeps_its_contract(path):
    graph = onnx.load(path).graph
    int64, double = onnx.TensorProto.INT64, onnx.TensorProto.DOUBLE
    assert [signature(info) for info in graph.input] == [("operations", int64, ["n", 6])]
    assert [signature(info) for info in graph.output] == [(name, double, ["n"]) for name in NAMES]


def signature(info):
    given = info.type.tensor_type
    return info.name, given.elem_type, [d.dim_param or d.dim_value for d in given.shape.dim]


@pytest.mark.parametrize("name", ["nb201", "fbnet"])
def test_runtimes_of_2021_read_it(name):
    model = build(adapted_to_a_mix_of_sources(spaces.get(name)), {})
    assert model.ir_version == 7
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]


def test_exported_file_is_valid_onnx_and_tells_what_it_is_for(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = AdaptedFile.load(path).metadata
    assert metadata["device"] == "rpi4"
    assert metadata["space"] == "nb201"
    assert metadata["samples"] == 10
    assert metadata["level"] == 0.9


def test_no_architecture_at_all_is_answered_with_nothing(path):
    assert len(AdaptedFile.load(path).predict(np.empty((0, 6), dtype=np.int64)).mean_ms) == 0


@pytest.mark.parametrize("operations", [[[0, 0, 0]], [[0, 0, 0, 0, 0, 5]], [[-1, 0, 0, 0, 0, 0]]])
def test_operations_out_of_range_are_refused(path, operations):
    with pytest.raises(UsageError):
        AdaptedFile.load(path).predict(np.array(operations))


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_truncated_file_is_said_to_be_damaged(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(BundleError, match="damaged"):
        AdaptedFile.load(path)


def test_another_programs_onnx_is_refused(path):
    path.write_bytes(BUNDLE.features_onnx)
    with pytest.raises(BundleError, match="no predictor of latkit's"):
        AdaptedFile.load(path)


def test_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(LatkitError, match="cannot write"):
        write(adapt(BUNDLE, *sampled(5)), tmp_path / "absent" / "p.onnx", {})


def test_example_runs_without_latkit(path):
    script = path.with_name("predict.py")
    script.write_text(runner_file("predict.py").read_text())
    assert "latkit." not in script.read_text()
    one = run_example(script, "3", "3", "4", "1", "3", "1")
    assert "ms" in one.stdout
    two = run_example(script, stdin="0 0 0 0 0 0\n3 3 3 3 3 3\n")
    assert len(two.stdout.splitlines()) == 2
    wrong = run_example(script, "3", "3")
    assert wrong.returncode != 0
    assert "needs 6 operation indices" in wrong.stderr


def run_example(script, *arguments, stdin=None):
    return subprocess.run(
        [sys.executable, "-I", str(script), *arguments], input=stdin, text=True, capture_output=True
    )


def test_metadata_is_plain_json(path):
    model = onnx.load(path)
    (entry,) = [p for p in model.metadata_props if p.key == "latkit"]
    assert json.loads(entry.value)["positions"] == 6
