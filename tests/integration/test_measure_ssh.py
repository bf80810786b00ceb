"""Measuring over ssh, with a real server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from latkit.devices.runners import runner_digest
from latkit.errors import DeviceUnreachable, RemoteCommandError
from latkit.store import Store
from tests.integration.campaign_process import RULE, Log, archs, run, unusable, url
from tests.integration.sshd import Sshd, running_sshd

COUNT = 3


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("latkit.measure.campaign.CANARY_RULE", RULE)


@pytest.fixture
def board(tmp_path: Path) -> dict[str, object]:
    remote = f"{tmp_path}/on the board"
    return {"name": "board", "python": sys.executable, "remote_dir": remote}


def on_board(board: dict[str, object], folder: str) -> list[str]:
    return sorted(path.name for path in Path(str(board["remote_dir"]), folder).iterdir())


def test_a_campaign(sshd: Sshd, tmp_path: Path, board: dict[str, object]):
    result = run(tmp_path, board, COUNT)
    assert not unusable(result)
    assert on_board(board, "runners") == [runner_digest("onnxruntime")[:16]]
    assert on_board(board, "models") == []


def test_the_runner_is_deployed_once(sshd: Sshd, tmp_path: Path, board: dict[str, object]):
    run(tmp_path, board, 1)
    harness = next(Path(str(board["remote_dir"])).glob("runners/*/harness.py"))
    before = harness.stat()
    run(tmp_path, board, 2)
    assert harness.stat().st_mtime_ns == before.st_mtime_ns
    assert harness.stat().st_ino == before.st_ino


def test_a_model_that_was_left_half_written_is_not_trusted(
    sshd: Sshd, tmp_path: Path, board: dict[str, object]
):
    run(tmp_path / "first", board, 1)
    models = Path(str(board["remote_dir"]), "models")
    for model in (tmp_path / "first").rglob("*.onnx"):
        (models / model.name).touch()
    assert on_board(board, "models")
    result = run(tmp_path / "second", board, 1)
    assert not unusable(result)


def test_a_lost_link_loses_nothing(
    tmp_path: Path, ssh_home: Path, board: dict[str, object], monkeypatch: pytest.MonkeyPatch
):
    log = Log(tmp_path / "log")
    with running_sshd(tmp_path / "sshd") as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        timed = Log.timed

        def cut(self, subject, latency_ms):
            timed(self, subject, latency_ms)
            if len(log.read("timed")) == 4:
                server.kill_sessions()

        monkeypatch.setattr(Log, "timed", cut)
        with pytest.raises(DeviceUnreachable):
            run(tmp_path, board, COUNT)
        result = run(tmp_path, board, COUNT)
    assert not unusable(result)
    with Store.open(url(tmp_path)) as store:
        stored = list(store.find(samples=True))
    assert [m.subject for m in stored if not m.usable] == []
    assert len(stored) == COUNT
    assert sum(len(m.blocks) for m in stored) == len(log.read("timed"))


def test_a_full_disk_on_the_board_is_said(
    sshd: Sshd, tmp_path: Path, board: dict[str, object], monkeypatch: pytest.MonkeyPatch
):
    from latkit.devices.transport.ssh import SshTransport

    upload = SshTransport.upload

    def full(self, local: Path, remote: str) -> None:
        if remote.endswith(".onnx"):
            raise RemoteCommandError("the disk of the board is full", "free some space there")
        upload(self, local, remote)

    with monkeypatch.context() as patch:
        patch.setattr(SshTransport, "upload", full)
        with pytest.raises(RemoteCommandError, match="full"):
            run(tmp_path, board, COUNT)
    assert [m.subject for m in run(tmp_path, board, COUNT).measurements] == list(archs(COUNT))
