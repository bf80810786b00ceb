import json
import subprocess
import sys
from importlib import resources

import numpy as np
import onnx
import pytest

from latkit.errors import BundleError, LatkitError, UsageError
from latkit.predictor.adapt import adapt
from latkit.predictor.runtime import Predictor
from tests.unit.test_predictor_adapt import sampled
from tests.unit.toy_bundle import CELLS, toy_bundle

BUNDLE = toy_bundle()


@pytest.fixture(params=[3, 20, 60])
def adapted(request):
    return adapt(BUNDLE, *sampled(request.param))


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "predictor.onnx"
    adapt(BUNDLE, *sampled(10)).export(file, {"device": "rpi4"})
    return file


def test_exported_file_predicts_what_the_adapter_predicts(adapted, tmp_path):
    adapted.export(tmp_path / "p.onnx", {})
    ours = adapted.predict(CELLS)
    theirs = Predictor.load(tmp_path / "p.onnx").predict(CELLS)
    for name in ("mean_ms", "lower_ms", "upper_ms"):
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-6)


def test_exported_file_is_valid_onnx_and_tells_what_it_is_for(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = Predictor.load(path).metadata
    assert metadata["device"] == "rpi4"
    assert metadata["space"] == "nb201"
    assert metadata["samples"] == 10
    assert metadata["level"] == 0.9


def test_no_architecture_at_all_is_answered_with_nothing(path):
    assert len(Predictor.load(path).predict(np.empty((0, 6), dtype=np.int64)).mean_ms) == 0


@pytest.mark.parametrize("operations", [[[0, 0, 0]], [[0, 0, 0, 0, 0, 5]], [[-1, 0, 0, 0, 0, 0]]])
def test_operations_out_of_range_are_refused(path, operations):
    with pytest.raises(UsageError):
        Predictor.load(path).predict(np.array(operations))


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_truncated_file_is_said_to_be_damaged(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(BundleError, match="damaged"):
        Predictor.load(path)


def test_another_programs_onnx_is_refused(path):
    path.write_bytes(BUNDLE.features_onnx)
    with pytest.raises(BundleError, match="no predictor of latkit's"):
        Predictor.load(path)


def test_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(LatkitError, match="cannot write"):
        adapt(BUNDLE, *sampled(5)).export(tmp_path / "absent" / "p.onnx")


def test_example_runs_without_latkit(path):
    script = path.with_name("predict.py")
    script.write_text((resources.files("latkit.predictor") / "predict_on_target.py").read_text())
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
