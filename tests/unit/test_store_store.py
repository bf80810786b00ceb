"""The dataset in SQLite: the conformance tests, and what can be wrong with a file."""

import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from latkit.errors import LeftOut, MissingDependency, StoreError
from latkit.store import Store
from tests.conformance.store import (
    StoreConformance,
    everything,
    measurement,
    read_all,
)
from tests.conformance.store_processes import ROOT


@pytest.fixture
def path(tmp_path):
    return tmp_path / "latkit.db"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}"


def fill(url, count=60):
    with Store.open(url) as store:
        store.add_many([measurement(str(n), n + 1.0, samples=True) for n in range(count)])


class TestSQLite(StoreConformance):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'latkit.db'}"


def add_until_refused(store):
    """How many measurements a dataset takes on a disk that is nearly full."""
    for number in range(1000):
        try:
            store.add(measurement(f"another {number}", samples=True))
        except StoreError as problem:
            refusal = problem
            break
    assert "disk is full" in refusal.message
    assert "free some space" in refusal.hint
    return number


class TestInMemory:
    def test_works(self):
        with Store.open("sqlite://") as store:
            store.add(measurement(samples=True))
            assert everything(store, samples=True) == [measurement(samples=True)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Content of a dataset's file in which nothing is wrong."""
    path = tmp_path_factory.mktemp("sound") / "latkit.db"
    fill(f"sqlite:///{path}", 20)
    return path.read_bytes()


class TestFile:
    def test_folder_is_created(self, tmp_path):
        with Store.open(f"sqlite:///{tmp_path}/a/b/latkit.db") as store:
            store.add(measurement())

    def test_folder_cannot_be_created(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match=r"cannot create .*file/a") as caught:
            Store.open(f"sqlite:///{tmp_path}/file/a/latkit.db")
        assert "LATKIT_DB" in caught.value.hint

    def test_a_folder_is_no_file(self, tmp_path):
        with pytest.raises(StoreError, match="cannot be opened"):
            Store.open(f"sqlite:///{tmp_path}")

    def test_another_kind_of_file_is_left_alone(self, path, url):
        path.write_bytes(b"\x89PNG\r\n" * 2000)
        with pytest.raises(StoreError, match=r"latkit\.db is another kind of file"):
            Store.open(url)
        assert path.read_bytes() == b"\x89PNG\r\n" * 2000

    def test_another_programs_database_is_left_alone(self, path, url):
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE moz_places (id INTEGER)")
        before = path.read_bytes()
        with pytest.raises(StoreError, match="moz_places"):
            Store.open(url)
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    @pytest.mark.parametrize("length", [2, 15, 99, 100, 1000, 4095, 4096, 5000, 0.3, 0.7, -1])
    def test_truncated(self, path, url, length):
        fill(url)
        whole = path.read_bytes()
        cut = int(length * len(whole)) if isinstance(length, float) else length
        path.write_bytes(whole[:cut])
        with pytest.raises(StoreError, match=r"latkit\.db is (damaged|another kind)") as caught:
            Store.open(url)
        assert caught.value.hint

    @pytest.mark.parametrize("seed", range(30))
    def test_scribbled_over(self, path, url, sound, seed):
        rng = np.random.default_rng(seed)
        content = np.frombuffer(sound, dtype=np.uint8).copy()
        # Some scribbles hit the schema, which comes first, and some only data.
        first = 0 if seed % 2 else 4096 * 3
        where = rng.integers(first, len(content), size=rng.integers(1, 200))
        content[where] = rng.integers(0, 256, size=len(where))
        path.write_bytes(content.tobytes())
        read_all(url)

    @pytest.mark.parametrize(
        "loss", ["DROP TABLE block", "ALTER TABLE measurement DROP COLUMN noise"]
    )
    def test_a_table_or_column_that_is_gone(self, path, url, loss):
        fill(url)
        with sqlite3.connect(path) as connection:
            connection.execute(loss)
        with Store.open(url) as store, pytest.raises(StoreError, match="is damaged") as caught:
            everything(store, samples=True)
        assert "restore a copy" in caught.value.hint

    @pytest.mark.parametrize("samples", [b"", b"rubbish", b"x\x9c\x03\x00\x00\x00\x00\x01"])
    def test_damaged_samples(self, path, url, samples):
        fill(url, 1)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE block SET samples = ?", [samples])
        with Store.open(url) as store:
            assert everything(store)
            with pytest.warns(LeftOut, match="samples of a measurement are damaged"):
                assert everything(store, samples=True) == []

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("reasons", "[1]"),
            ("reasons", '[["x"]]'),
            ("reasons", '{"a": 1}'),
            ("context", f'{{"canary": {{"found_ns": 1{"0" * 400}}}}}'),
            ("context", "[" * 100_000),
            ("context", b"{}"),
        ],
    )
    def test_damaged_json(self, path, url, column, value):
        fill(url, 2)
        with sqlite3.connect(path) as connection:
            connection.execute(f"UPDATE measurement SET {column} = ? WHERE id = 1", [value])
        with Store.open(url) as store, pytest.warns(LeftOut, match="left out a damaged row"):
            assert len(everything(store)) == 1

    @pytest.mark.parametrize("processors", ["x", "1,,2,x", b"0", "0;1"])
    def test_damaged_processors(self, path, url, processors):
        fill(url, 1)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE condition SET affinity = ?", [processors])
        with Store.open(url) as store:
            with pytest.warns(LeftOut, match="left out a damaged row"):
                assert everything(store) == []
            with pytest.warns(LeftOut, match="condition of the dataset is damaged"):
                assert store.summary() == []

    def test_disk_full(self, path, url):
        fill(url, 1)
        with Store.open(url) as store:
            with store._engine.connect() as connection:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
                # Kept by the connection, which the pool hands out again.
                connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
            stored = add_until_refused(store)
            assert len(everything(store, samples=True)) == 1 + stored

    def test_read_only(self, path, url):
        fill(url, 1)
        read_only = f"sqlite:///file:{path}?mode=ro&uri=true"
        with Store.open(read_only) as store:
            assert len(everything(store)) == 1
            with pytest.raises(StoreError, match="is read-only") as caught:
                store.add(measurement())
        assert "LATKIT_DB" in caught.value.hint

    def test_writers_do_not_wait_for_readers(self, path, url):
        fill(url, 1)
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM measurement").fetchone()
        with Store.open(url) as store:
            store.add(measurement())
        reader.execute("COMMIT")

    def test_every_add_is_flushed_to_the_disk(self, url):
        with Store.open(url) as store, store._engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


class TestURL:
    @pytest.mark.parametrize("url", ["", "/tmp/latkit.db", "nonsense", "a b://c", "sqlite:/x:y@"])
    def test_no_url(self, url):
        with pytest.raises(StoreError) as caught:
            Store.open(url)
        assert "sqlite:///" in caught.value.hint

    @pytest.mark.parametrize("system", ["mysql", "oracle", "mssql+pyodbc", "duckdb"])
    def test_another_system(self, system):
        with pytest.raises(StoreError, match=system.split("+")[0]):
            Store.open(f"{system}://user@host/name")

    def test_password_is_not_told(self):
        for url in ("my sql://user:hunter2@host/x", "mysql://user:hunter2@host/x"):
            with pytest.raises(StoreError) as caught:
                Store.open(url)
            assert "hunter2" not in f"{caught.value} {caught.value.hint}"

    def test_missing_driver(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(MissingDependency, match="psycopg") as caught:
            Store.open("postgresql://user@host/latkit")
        assert "latkit[postgres]" in caught.value.hint


def loaded_by(code):
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_opening_a_current_dataset_is_light(url):
    Store.open(url).close()
    loaded = loaded_by(f"from latkit.store import Store; Store.open({url!r}).summary()")
    heavy = {"alembic", "numpy", "pandas", "pyarrow", "pydantic", "psycopg", "torch"}
    assert not heavy & loaded
