"""Files that are timed: made by the cache, or brought by their collection."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from latkit.errors import ArchError
from latkit.formats.cache import ModelCache
from latkit.measure.models import INPUT_SEED, ModelFiles
from latkit.measure.reference import reference_output
from latkit.spaces.nb201 import NB201
from latkit.subjects import ModelFile, Recipe, Subject
from latkit.subjects import Models as AnyModels

SPACE = NB201(channels=4, cells=1, resolution=16)
ARCH = SPACE.sample(np.random.default_rng(0), 1)[0]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("models"))


@dataclass
class Folder:
    """A collection of files whose layers nobody knows."""

    path: Path
    name: str = "folder"
    asked: list[Recipe] = field(default_factory=list)

    def parse(self, text: str) -> Subject:
        raise ArchError("nobody parses here")

    def network(self, subject: Subject) -> None:
        return None

    def model(self, subject: Subject, recipe: Recipe, models: AnyModels) -> ModelFile:
        self.asked.append(recipe)
        return ModelFile(self.path / subject.key, "0" * 64, recipe.format)


def test_a_space_has_its_files_made_by_the_cache(cache: ModelCache):
    recipe = Recipe("onnx", batch=2)
    assert ModelFiles(SPACE, cache, recipe).file(ARCH) == cache.get(SPACE.network(ARCH), recipe)


def test_files_of_a_collection_need_no_layers(cache: ModelCache, tmp_path: Path):
    own = cache.get(SPACE.network(ARCH), Recipe("onnx"))
    shutil.copy(own.path, tmp_path / "mine.onnx")
    models = ModelFiles(Folder(tmp_path), cache, Recipe("onnx"))
    mine = Subject("folder", "mine.onnx")
    assert models.file(mine).path == tmp_path / "mine.onnx"
    assert models.expected(mine) == reference_output(own.path, INPUT_SEED)


def test_a_file_is_asked_for_once(cache: ModelCache, tmp_path: Path):
    folder = Folder(tmp_path)
    models = ModelFiles(folder, cache, Recipe("tflite", 4, "int8"))
    mine = Subject("folder", "mine")
    assert models.file(mine) is models.file(mine)
    assert folder.asked == [Recipe("tflite", 4, "int8")]


def test_the_output_is_expected_as_float32_has_it(cache: ModelCache):
    fp16 = ModelFiles(SPACE, cache, Recipe("onnx", 2, "fp16"))
    assert fp16.file(ARCH) != ModelFiles(SPACE, cache, Recipe("onnx", 2)).file(ARCH)
    assert fp16.expected(ARCH) == ModelFiles(SPACE, cache, Recipe("onnx", 2)).expected(ARCH)
