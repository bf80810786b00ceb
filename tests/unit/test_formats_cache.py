from __future__ import annotations

import hashlib
import multiprocessing
import resource
import subprocess
import sys

import pytest

from latkit.errors import StoreError, UnknownNameError, UsageError
from latkit.formats import FORMATS, Builder
from latkit.formats.cache import ModelCache
from latkit.network import Network
from latkit.subjects import ModelFile, Recipe
from tests.conformance.builder import SMALL


def cell(*indices: int) -> Network:
    return SMALL.network(SMALL.from_indices(indices))


@pytest.fixture
def network() -> Network:
    return cell(3, 2, 1, 4, 3, 2)


def test_file_holds_what_the_builder_makes(tmp_path, network):
    found = ModelCache(tmp_path).get(network, Recipe("onnx", 3), seed=2)
    content = found.path.read_bytes()
    assert content == FORMATS.get("onnx").build(network, 2, 3)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert (found.format, found.path.suffix) == ("onnx", ".onnx")


def test_second_time_nothing_is_built(tmp_path, network, monkeypatch):
    first = ModelCache(tmp_path).get(network)
    made_by = Builder(".onnx", FORMATS.get("onnx").version, _must_not_be_called)
    monkeypatch.setitem(FORMATS._found, "onnx", made_by)
    assert ModelCache(tmp_path).get(network) == first


def _must_not_be_called(network, seed, batch, precision="fp32") -> bytes:
    raise AssertionError("built again")


def test_every_ingredient_makes_another_file(tmp_path, network, monkeypatch):
    cache = ModelCache(tmp_path)
    found = [cache.get(network), cache.get(network, seed=1)]
    found.append(cache.get(cell(3, 2, 1, 4, 3, 1)))
    others = [Recipe("onnx", 2), Recipe("onnx", 1, "fp16"), Recipe("onnx", 1, "int8")]
    found += [cache.get(network, recipe) for recipe in (*others, Recipe("tflite"))]
    made_by = FORMATS.get("onnx")
    newer = Builder(made_by.suffix, made_by.version + 1, made_by.build)
    monkeypatch.setitem(FORMATS._found, "onnx", newer)
    found.append(cache.get(network))
    assert len({model.path for model in found}) == len(found)


@pytest.mark.parametrize("damage", [b"", b"rubbish"])
def test_damaged_file_is_built_anew(tmp_path, network, damage):
    cache = ModelCache(tmp_path)
    whole = cache.get(network)
    content = whole.path.read_bytes()
    whole.path.write_bytes(damage)
    assert cache.get(network) == whole
    assert whole.path.read_bytes() == content


def test_truncated_file_is_built_anew(tmp_path, network):
    cache = ModelCache(tmp_path)
    whole = cache.get(network)
    content = whole.path.read_bytes()
    whole.path.write_bytes(content[:-100])
    assert cache.get(network).path.read_bytes() == content


def test_unknown_format(tmp_path, network):
    with pytest.raises(UnknownNameError, match="'onx'") as caught:
        ModelCache(tmp_path).get(network, Recipe("onx"))
    assert "'onnx'" in str(caught.value.hint)


def test_a_precision_that_a_format_does_not_have(tmp_path, network, monkeypatch):
    monkeypatch.setitem(FORMATS._found, "onnx", Builder(".onnx", 1, _must_not_be_called))
    with pytest.raises(UsageError, match="no int8 models in the format onnx") as caught:
        ModelCache(tmp_path).get(network, Recipe("onnx", precision="int8"))
    assert "fp32" in str(caught.value.hint)


def test_full_disk(tmp_path, network):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreError, match="cannot write a model file") as caught:
            ModelCache(tmp_path).get(network)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "LATKIT_CACHE_DIR" in str(caught.value.hint)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_in_the_way(tmp_path, network):
    (tmp_path / "cache").write_text("not a folder")
    with pytest.raises(StoreError, match=str(tmp_path / "cache")):
        ModelCache(tmp_path / "cache").get(network)


def _get(root: str, network: Network) -> ModelFile:
    from pathlib import Path

    return ModelCache(Path(root)).get(network)


def test_processes_share_one_cache(tmp_path, network):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.starmap(_get, [(str(tmp_path), network)] * 12)
    assert len(set(found)) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [found[0].path]


def test_asking_for_builders_imports_no_format():
    program = (
        "import sys; from latkit.formats import FORMATS; import latkit.formats.cache\n"
        "[FORMATS.get(name) for name in FORMATS.names()]\n"
        "print(sorted({'onnx', 'torch', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
