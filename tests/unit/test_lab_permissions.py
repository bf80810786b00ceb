"""What was measured and learned is its owner's alone; what is exported is as the umask says."""

import os
import stat

import pytest

from latkit.cli import run
from latkit.lab import Lab
from latkit.measure.journal import Journal
from latkit.store import Store
from tests.unit.measured import entry
from tests.unit.test_lab_conditions import OWN, measured, store


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_umask")
def test_dataset_journals_and_predictors_are_private(tmp_path, capsys):
    lab = Lab()
    store(lab, measured(OWN))
    lab.adapt("rpi4")
    journal = Journal(lab.campaigns / "rpi4.jsonl")
    journal.append(entry())
    assert permissions(journal.path) == 0o600
    journal.keep_only(journal.read())
    assert run(["export", "--device", "rpi4", "-o", str(tmp_path / "out")]) == 0
    everything = [lab.data, *lab.data.rglob("*")]
    assert {permissions(path) for path in everything if path.is_dir()} == {0o700}
    assert {permissions(path) for path in everything if path.is_file()} == {0o600}
    assert len([path for path in everything if path.is_file()]) >= 4
    assert permissions(tmp_path / "out" / "predictor.onnx") == 0o666


@pytest.mark.usefixtures("open_umask")
def test_so_are_the_helpers_of_an_open_database(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/new/latkit.db") as opened:
        opened.add_many(measured(OWN))
        found = {path.name: permissions(path) for path in (tmp_path / "new").iterdir()}
    assert set(found.values()) == {0o600}
    assert "latkit.db" in found


def test_a_database_that_is_shared_stays_shared(tmp_path):
    path = tmp_path / "latkit.db"
    Store.open(f"sqlite:///{path}").close()
    path.chmod(0o664)
    Store.open(f"sqlite:///{path}").close()
    assert permissions(path) == 0o664
