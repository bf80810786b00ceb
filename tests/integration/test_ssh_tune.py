"""Tuning a device over ssh: it is as it was after the link died too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from latkit.devices.profile import Profile, create
from latkit.devices.tune import tuned
from latkit.errors import LatkitError
from latkit.formats.cache import ModelCache
from latkit.lab.device import findings
from latkit.measure.models import ModelFiles
from latkit.measure.plan import canary
from latkit.measure.session import Session
from latkit.protocol import BlockEvent
from latkit.subjects import ModelFile, Recipe
from tests.integration.campaign_process import RULE, SPACE
from tests.integration.sshd import Sshd
from tests.unit.recorded_devices import lay_out

SETTING = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
BOARD = {
    SETTING: "ondemand\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_available_governors": "ondemand performance\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lay_out(tmp_path / "root", BOARD)
    return tmp_path / "root"


@pytest.fixture
def board(tmp_path: Path) -> Profile:
    values = {"name": "board", "python": sys.executable, "remote_dir": f"{tmp_path}/latkit"}
    return create(values)


def governor(root: Path) -> str:
    return (root / SETTING).read_text().strip()


def test_held_and_put_back(sshd: Sshd, board: Profile, root: Path):
    with tuned(board, str(root)):
        assert governor(root) == "performance"
    assert governor(root) == "ondemand"


def test_put_back_after_the_link_died(sshd: Sshd, board: Profile, root: Path):
    with pytest.raises(LatkitError), tuned(board, str(root)):
        sshd.kill_sessions()
    for _ in range(400):
        if governor(root) == "ondemand":
            return
        time.sleep(0.05)
    pytest.fail("it was not put back")


def test_nothing_is_measured_as_tuned_that_is_not_held_any_more(
    sshd: Sshd, board: Profile, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("latkit.measure.session.tuned", partial(tuned, root=str(root)))
    models = ModelFiles(SPACE, ModelCache(tmp_path / "models"), Recipe("onnx", 1, "fp32"))
    with pytest.raises(LatkitError, match="are not held any more"):
        _measure_past_its_end(board, root, models.file(canary(SPACE)))
    assert governor(root) == "ondemand"


def _measure_past_its_end(board: Profile, root: Path, model: ModelFile) -> None:
    with Session(board, rule=RULE, tuned=True) as session:
        assert isinstance(session.time(model), BlockEvent)
        assert governor(root) == "performance"
        _end_tuner(board)
        session.time(model)


def _end_tuner(board: Profile) -> None:
    found = subprocess.check_output(["pgrep", "-f", f"{board.remote_dir}.*tuner.py hold"])
    for pid in map(int, found.split()):
        os.kill(pid, signal.SIGTERM)


def test_the_state_can_be_read_there(sshd: Sshd, board: Profile):
    (state,) = findings(board)
    assert (state.name, state.level) == ("state", "ok")
