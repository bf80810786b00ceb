"""Datasets of older latkits in SQLite, the recorded one as the file that it is."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from latkit.lab import Lab
from latkit.lab.dataset import Imported
from tests.conformance.store_migration import (
    DATASET,
    EXPORTED,
    RECORDED,
    MigrationConformance,
    expected,
    plain,
)


class TestSQLite(MigrationConformance):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'latkit.db'}"

    @pytest.fixture
    def older(self, url, tmp_path):
        shutil.copy(DATASET, tmp_path / "latkit.db")
        return url


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_an_older_export_is_imported(tmp_path, suffix):
    dataset = Lab(data=tmp_path).dataset
    assert dataset.import_(RECORDED / f"0002{suffix}") == Imported(added=19, known=0)
    assert dataset.import_(RECORDED / f"0002{suffix}") == Imported(added=0, known=19)
    rows = [expected(row) for row in EXPORTED]
    if suffix == ".csv":
        rows = [row | {"context": {}, "blocks": []} for row in rows]
    assert [plain(found) for found in dataset.find(samples=True)] == rows


@pytest.mark.parametrize(
    "context", ['{"canary": {"reference_ns": 1' + "0" * 400 + "}}", "[" * 100_000, "rubbish"]
)
def test_a_canary_that_makes_no_sense_stops_no_migration(tmp_path, context):
    path = tmp_path / "latkit.db"
    shutil.copy(DATASET, path)
    with closing(sqlite3.connect(path)) as dataset, dataset:
        dataset.execute("UPDATE measurement SET context = ?", [context])
    assert Lab(data=tmp_path).dataset.summary()
