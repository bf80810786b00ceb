"""A house for campaigns, made once and copied for every test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from latkit.formats.cache import ModelCache
from latkit.store import Store
from tests.unit.scripted_campaign import House, known_output


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def empty_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dataset") / "empty.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def house(
    tmp_path: Path, models: ModelCache, empty_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> House:
    monkeypatch.setattr("latkit.measure.models.reference_output", known_output)
    shutil.copy(empty_dataset, tmp_path / "dataset.db")
    return House(tmp_path, models)
