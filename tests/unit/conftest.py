"""A house for campaigns, made once and copied for every test; and the script of our own sources."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

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


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """``scripts/sources.py``."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts")
    yield import_module("sources")
    for name in ("sources", "sources_page"):
        del sys.modules[name]
