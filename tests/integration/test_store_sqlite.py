"""The dataset in SQLite under several processes, kills, and a disk that is really full."""

import shutil
import sqlite3
import subprocess
import sys

import pytest

from tests.conformance.store_processes import ROOT, StoreProcessConformance


class TestSQLite(StoreProcessConformance):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'latkit.db'}"

    def check_integrity(self, url):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


FILL_THE_DISK = """
import sys
from pathlib import Path
from latkit.errors import StoreError
from latkit.store import Store
from latkit.store.io import flat
from tests.conformance.store import everything, measurement

folder = Path(sys.argv[1])
stored = 0
with Store.open(f"sqlite:///{folder}/latkit.db") as store:
    try:
        while stored < 100_000:
            store.add(measurement(f"{stored} " + "x" * 3000, stored + 1.0, samples=True))
            stored += 1
    except StoreError as problem:
        print(problem.message, "|", problem.hint)
    found = everything(store, samples=True)
assert len(found) == stored > 10, (len(found), stored)
for suffix in (".csv", ".json", ".parquet"):
    file = folder / f"export{suffix}"
    try:
        flat.write(found * 10, file)
    except StoreError as problem:
        print(problem.message)
    assert not file.exists()
assert [path.name for path in folder.iterdir() if "export" in path.name] == []
"""


def test_full_disk(tmp_path):
    unshare = shutil.which("unshare")
    own_mounts = [unshare or "", "--user", "--map-root-user", "--mount"]
    if not unshare or subprocess.run([*own_mounts, "true"], capture_output=True).returncode:
        pytest.skip("no private mounts here: 'unshare --user --mount' does not work")
    script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"'
    command = [*own_mounts, "sh", "-c", script, "sh", tmp_path, sys.executable, FILL_THE_DISK]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    assert done.returncode == 0, done.stderr
    first, *exports = done.stdout.splitlines()
    assert "latkit.db" in first
    assert "disk" in first
    assert "free some space" in first or "is the disk full" in first
    assert len(exports) == 3
    assert all("No space left" in line for line in exports)
