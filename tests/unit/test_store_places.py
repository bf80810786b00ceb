"""Datasets in places with odd names, without write permission, with what latkit never wrote."""

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from latkit import spaces
from latkit.cli import run
from latkit.errors import LeftOut, StoreError
from latkit.lab import Lab
from latkit.store import Store, failures
from tests.conformance.store import everything, latencies, measurement
from tests.conformance.store_processes import ROOT

ODD = ["a?b", "a?mode=memory", "a#b", "a%2Fb", "a%3Fb", "a b", "ä", "a&b", "a;b", "a@b:c", "a'b\"c"]


class TestNames:
    def test_no_two_folders_share_a_dataset(self, tmp_path):
        labs = [Lab(data=tmp_path / name) for name in (*ODD, "a", "a/b")]
        for number, lab in enumerate(labs):
            with lab.store() as store:
                store.add(measurement(latency_ms=number + 1.0))
        for number, lab in enumerate(labs):
            assert (lab.data / "latkit.db").is_file()
            with lab.store() as store:
                assert latencies(store) == [number + 1.0]

    @pytest.mark.parametrize("name", ODD)
    def test_in_the_environment(self, tmp_path, monkeypatch, capsys, name):
        monkeypatch.setenv("LATKIT_DATA_DIR", str(tmp_path / name))
        assert run(["dataset", "info"]) == 0
        assert f"in {tmp_path / name / 'latkit.db'}" in capsys.readouterr().err
        assert (tmp_path / name / "latkit.db").is_file()

    @pytest.mark.parametrize("query", ["?x=1", "?mode=rw&uri=true", "?timeout=abc", "?%00"])
    def test_urls_with_a_query(self, tmp_path, monkeypatch, capsys, query):
        monkeypatch.setenv("LATKIT_DB", f"sqlite:///{tmp_path}/latkit.db{query}")
        run(["dataset", "info"])
        assert "defect" not in capsys.readouterr().err

    def test_a_query_that_would_be_ignored(self, monkeypatch, tmp_path, capsys):
        monkeypatch.setenv("LATKIT_DB", f"sqlite:///{tmp_path}/latkit.db?x=1")
        assert run(["dataset", "info"]) == 1
        assert "leave out what stands behind the ?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://you:s3cret@127.0.0.1:1/latkit",
        "postgresql+psycopg://you:s3cret@127.0.0.1:1/latkit?connect_timeout=1",
        "postgresql://127.0.0.1:1/latkit?user=you&password=s3cret",
        "postgresql://you:s3cret@/latkit?host=/nowhere",
        "postgresql://you:s3cret@127.0.0.1:port/latkit",
        "postgresql://you:s3cret@127.0.0.1:1/latkit?nonsense=s3cret",
        "mysql://you:s3cret@127.0.0.1:1/latkit",
        "postgres//you:s3cret@127.0.0.1/latkit",
    ],
)
@pytest.mark.parametrize("words", [["dataset", "info"], ["adapt", "--device", "x", "--json"]])
def test_a_password_is_never_shown(monkeypatch, capsys, url, words):
    monkeypatch.setenv("LATKIT_DB", url)
    assert run([*words, "--debug"]) != 0
    captured = capsys.readouterr()
    assert "s3cret" not in captured.out + captured.err
    assert "defect" not in captured.err


READ_ONLY = """
import sys
from pathlib import Path
from latkit.errors import StoreError
from latkit.store import Store
from tests.conformance.store import latencies, measurement

with Store.open(Path(sys.argv[1])) as store:
    print(latencies(store), len(store.summary()))
    try:
        store.add(measurement("b"))
    except StoreError as problem:
        print(problem.message)
"""
OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]
MOUNTED = (
    'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$1/latkit.db"'
)


def measured_on_five(folder):
    with Store.open(folder / "latkit.db") as store:
        keys = [spaces.get("nb201").at(1000 * n).key for n in range(5)]
        store.add_many(measurement(key, 1.0 + n) for n, key in enumerate(keys))


class TestReadOnly:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "data"
        with Store.open(folder / "latkit.db") as store:
            store.add(measurement("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"))
        return folder

    def test_a_mount(self, folder):
        if (
            not shutil.which("unshare")
            or subprocess.run([*OWN_MOUNTS, "true"], capture_output=True).returncode
        ):
            pytest.skip("no private mounts here: 'unshare --user --mount' does not work")
        command = [*OWN_MOUNTS, "sh", "-c", MOUNTED, "sh", folder, sys.executable, READ_ONLY]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100)
        self.judge(done, folder)

    @pytest.mark.parametrize("left", [False, True], ids=["closed", "with a log"])
    @pytest.mark.parametrize("what", ["file", "folder", "both"])
    def test_permissions(self, folder, what, left):
        if os.getuid() == 0 and not shutil.which("setpriv"):
            pytest.skip("root may write everywhere, and there is no setpriv")
        open_elsewhere = sqlite3.connect(folder / "latkit.db")
        if left:
            open_elsewhere.execute("UPDATE measurement SET latency_ms = 1.0")
            open_elsewhere.commit()
        folder.parent.chmod(0o755)
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        for file in folder.iterdir():
            file.chmod(0o644)
        folder.chmod(0o755 if what != "file" else 0o777)
        if what == "folder":
            (folder / "latkit.db").chmod(0o666)
        command = [sys.executable, "-c", READ_ONLY, folder / "latkit.db"]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=100, env=environment
        )
        open_elsewhere.close()
        self.judge(done, folder)

    def judge(self, done, folder):
        assert done.returncode == 0, done.stderr
        values, message = done.stdout.splitlines()
        assert values == "[1.0] 1"
        assert "read-only" in message
        assert str(folder) in message

    def test_reading_commands(self, folder, monkeypatch, capsys, tmp_path):
        from latkit.store import dialect

        monkeypatch.setattr(dialect, "_only_readable", lambda path: True)
        monkeypatch.setenv("LATKIT_DATA_DIR", str(folder))
        for words in (["info"], ["list"], ["verify"], ["export", str(tmp_path / "x.json")]):
            assert run(["dataset", *words]) == 0, capsys.readouterr().err
        assert run(["compare", "board", "board"]) in (0, 4)
        (tmp_path / "table.csv").write_text("arch,pi\n0,1\n")
        assert run(["dataset", "import", str(tmp_path / "table.csv")]) == 1
        assert "read-only" in capsys.readouterr().err

    @pytest.mark.parametrize("there", [False, True], ids=["new", "again"])
    def test_adapting_says_where_it_can(self, folder, monkeypatch, capsys, there):
        measured_on_five(folder)
        monkeypatch.setenv("LATKIT_DATA_DIR", str(folder))
        if there:
            assert run(["adapt", "--device", "board"]) == 0
            capsys.readouterr()

        monkeypatch.setattr(os, "access", lambda path, mode: False)
        assert run(["adapt", "--device", "board"]) == 1
        said = capsys.readouterr().err
        assert f"no predictor can be kept in {folder}" in said
        assert "hint: set LATKIT_DATA_DIR to a folder that you may write to" in said

    def test_adapting_beside_a_dataset_that_is_elsewhere(self, folder, monkeypatch, tmp_path):
        measured_on_five(folder)
        monkeypatch.setenv("LATKIT_DB", f"sqlite:///{folder}/latkit.db")
        monkeypatch.setenv("LATKIT_DATA_DIR", str(tmp_path / "own"))
        assert run(["adapt", "--device", "board"]) == 0
        assert list((tmp_path / "own").rglob("*.onnx"))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("locking protocol", ""),
        ("disk I/O error", "SQLITE_IOERR_LOCK"),
        ("disk I/O error", "SQLITE_IOERR_SHMLOCK"),
        ("disk I/O error", "SQLITE_IOERR_SHMMAP"),
        ("disk I/O error", "SQLITE_IOERR_RDLOCK"),
    ],
)
def test_a_file_system_without_locks_is_said_to_be_one(words, name):
    from sqlalchemy.exc import OperationalError

    cause = sqlite3.OperationalError(words)
    cause.sqlite_errorname = name
    told = pytest.raises(StoreError, match="without working file locks")
    with told as caught, failures.translated("/nfs/latkit.db"):
        raise OperationalError("BEGIN", {}, cause)
    assert "local disk" in caught.value.hint


@pytest.mark.parametrize("value", ["fast", b"\xff\x00", "1e999", "", "nan"], ids=repr)
@pytest.mark.parametrize("column", ["latency_ms", "noise", "reasons", "context", "measured_at"])
def test_what_latkit_never_wrote_spoils_only_its_row(tmp_path, capsys, monkeypatch, column, value):
    monkeypatch.setenv("LATKIT_DATA_DIR", str(tmp_path))
    path = tmp_path / "latkit.db"
    with Store.open(path) as store:
        for name in "abc":
            store.add(measurement(name, latency_ms=ord(name) / 10))
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE measurement SET {column} = ? WHERE id = 2", [value])
    if column in ("reasons", "context", "measured_at") and value == "":
        return  # that is what latkit writes
    if column == "measured_at" and isinstance(value, str):
        return  # any text is one
    with Store.open(path) as store:
        with pytest.warns(LeftOut, match=r"left out a damaged row of .*latkit\.db"):
            found = everything(store)
        assert [one.subject.key for one in found] == ["a", "c"]
        if column == "latency_ms":
            with pytest.warns(LeftOut, match="damaged row"):
                assert len(store.table("nb201").subjects) == 2
    for words in (["list"], ["verify"], ["info"], ["export", str(tmp_path / "x.csv")]):
        assert run(["dataset", *words]) == 0
        assert "defect" not in capsys.readouterr().err


def test_subjects_and_conditions_of_wrong_types(tmp_path):
    path = tmp_path / "latkit.db"
    with Store.open(path) as store:
        store.add(measurement("a"))
        store.add(measurement("b", device="other"))
        store.add(measurement("c"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE condition SET threads = 'x' WHERE device = 'other'")
        connection.execute("UPDATE subject SET key = x'ff' WHERE key = 'c'")
    with Store.open(path) as store:
        with pytest.warns(LeftOut, match="left out 2 damaged rows"):
            assert [one.subject.key for one in everything(store)] == ["a"]
        with pytest.warns(LeftOut, match="threads is 'x'"):
            assert len(store.summary()) == 1
