"""The dataset in a real PostgreSQL server: the same conformance tests as in SQLite."""

from itertools import count

import pytest

from latkit.errors import StoreError
from latkit.store import Store
from tests.conformance.store import (
    StoreConformance,
    everything,
    measurement,
)
from tests.conformance.store_migration import MigrationConformance
from tests.conformance.store_processes import StoreProcessConformance
from tests.integration import postgres

_numbers = count()


@pytest.fixture(scope="module")
def server():
    with postgres.running() as url:
        yield url


@pytest.fixture
def url(server):
    """A schema of its own for every test."""
    import psycopg

    name = f"test_{next(_numbers)}"
    plain = server.format(database="postgres")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{plain}&options=-csearch_path%3D{name}"


class TestPostgreSQL(StoreConformance):
    pass


class TestMigration(MigrationConformance):
    pass


class TestProcesses(StoreProcessConformance):
    pass


def test_no_such_database(server):
    with pytest.raises(StoreError, match=r"cannot be reached .*does not exist") as caught:
        Store.open(server.format(database="absent"))
    assert "LATKIT_DB" in caught.value.hint


def test_no_server(tmp_path):
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra 'postgres')")
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        Store.open(f"postgresql://user:hunter2@/latkit?host={tmp_path}")
    assert "hunter2" not in str(caught.value)


def test_goes_on_after_the_server_dropped_the_connection(url):
    from sqlalchemy import text

    with Store.open(url) as store, Store.open(url) as other:
        store.add(measurement("a"))
        with other._engine.begin() as connection:
            dropped = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
            dropped += "pg_backend_pid() AND datname = current_database()"
            connection.execute(text(dropped))
        store.add(measurement("b"))
        assert len(everything(store)) == 2
