from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from latkit.devices import held as held_module
from latkit.devices import lease as lease_module
from latkit.devices.deploy import deploy
from latkit.devices.lease import DeviceBusyError, Lease
from latkit.devices.profile import create
from latkit.devices.transport.local import LocalTransport
from latkit.errors import LatkitError, RemoteCommandError

HOLD = """
import sys
from tests.unit.test_devices_lease import lease
with lease(sys.argv[1]):
    print("held", flush=True)
    input()
"""


def lease(folder: Path | str, wait_s: float = 0.0, python: str = sys.executable) -> Lease:
    device = create({"name": "here", "transport": "local", "remote_dir": str(folder)})
    deployed = deploy(LocalTransport(), device)
    other = device.model_copy(update={"python": python})
    return Lease(replace(deployed, profile=other), wait_s=wait_s)


def require_for_a_while(held: Lease) -> None:
    """The lease is free a moment before its holding process has ended."""
    for _ in range(200):
        held.require()
        time.sleep(0.05)


@pytest.fixture
def other_holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another latkit that holds the lease of the same folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_one_after_the_other(tmp_path: Path):
    for _ in range(2):
        with lease(tmp_path) as held:
            held.require()


def test_a_second_one_is_told_who_holds_it(tmp_path: Path, other_holder: subprocess.Popen[bytes]):
    with pytest.raises(DeviceBusyError) as caught, lease(tmp_path):
        pass
    message = caught.value.message
    assert message.startswith("this computer is in use by ")
    assert f"process {other_holder.pid}" in message
    assert f"@{os.uname().nodename} since 20" in message
    assert "--wait SECONDS" in (caught.value.hint or "")
    assert caught.value.exit_code == 1


def test_another_folder_is_another_lease(tmp_path: Path):
    with lease(tmp_path / "a"), lease(tmp_path / "b"):
        pass


def test_the_same_place_in_another_home_is_the_same_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    place = f"~/{tmp_path.name}"
    with lease(place):
        monkeypatch.setenv("HOME", str(tmp_path / "bob"))
        with pytest.raises(DeviceBusyError), lease(place):
            pass
        with pytest.raises(DeviceBusyError), lease(tmp_path / "bob" / tmp_path.name):
            pass


def test_waiting_until_the_holder_has_finished(
    tmp_path: Path, other_holder: subprocess.Popen[bytes]
):
    assert other_holder.stdin
    threading.Timer(0.5, other_holder.stdin.close).start()
    with lease(tmp_path, wait_s=30.0) as held:
        held.require()


def test_waiting_has_an_end(tmp_path: Path, other_holder: subprocess.Popen[bytes]):
    with pytest.raises(DeviceBusyError), lease(tmp_path, wait_s=0.5):
        pass


def test_a_killed_holder_frees_the_device(tmp_path: Path, other_holder: subprocess.Popen[bytes]):
    os.kill(other_holder.pid, signal.SIGKILL)
    with lease(tmp_path, wait_s=30.0):
        pass


def test_a_holder_that_falls_silent_frees_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(held_module, "SILENCE_LIMIT_S", 0.5)
    with lease(tmp_path) as silent:
        with lease(tmp_path, wait_s=30.0):
            pass
        with pytest.raises(LatkitError, match="was lost"):
            require_for_a_while(silent)


def test_heartbeats_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(held_module, "SILENCE_LIMIT_S", 3.0)
    monkeypatch.setattr(held_module, "HEARTBEAT_S", 0.1)
    with lease(tmp_path) as held:
        time.sleep(4.0)
        held.require()


def test_many_waiters_all_get_their_turn(tmp_path: Path):
    served = []

    def take(number: int) -> None:
        with lease(tmp_path, wait_s=60.0):
            served.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    with lease(tmp_path):
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        assert served == []
    for thread in threads:
        thread.join(60.0)
    assert sorted(served) == [0, 1, 2, 3]


@pytest.mark.parametrize("python", ["latkit-no-such-python", "false", "echo"])
def test_a_device_without_python_says_so(tmp_path: Path, python: str):
    with pytest.raises(RemoteCommandError, match="cannot be leased") as caught:
        lease(tmp_path, python=python).__enter__()
    assert "Python 3.8" in (caught.value.hint or "")


def test_a_failure_to_lock_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Lease, "_name", lambda _: "x" * 200)
    with pytest.raises(RemoteCommandError, match="cannot be leased: AF_UNIX path too long"):
        lease(tmp_path).__enter__()


@pytest.mark.parametrize("said", ["", "hello", "[]", '{"user": "ann"}', "\x00" * 50])
def test_a_holder_of_another_kind_is_described_all_the_same(said: str):
    assert lease_module._described(said) == "somebody who does not say who"


def test_a_lease_that_was_never_entered(tmp_path: Path):
    with pytest.raises(LatkitError, match="not held"):
        lease(tmp_path).require()
