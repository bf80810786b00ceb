from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from latkit.devices.profile import create
from latkit.devices.transport import open_transport
from latkit.devices.transport.local import LocalTransport
from latkit.errors import RemoteCommandError
from tests.conformance.transport import TransportConformance, line, process_ended, running


class TestLocalTransport(TransportConformance):
    @pytest.fixture
    def transport(self):
        with LocalTransport() as transport:
            yield transport


def test_a_local_profile_opens_it():
    assert isinstance(open_transport(create({"name": "x", "transport": "local"})), LocalTransport)


def test_ctrl_c_in_the_terminal_does_not_reach_the_runner():
    script = "import os; print(os.getsid(0)); input()"
    with running(LocalTransport(), script) as process:
        assert int(line(process) or 0) != os.getsid(0)


def test_a_spawned_process_ends_when_the_host_is_killed():
    script = (
        "from latkit.devices.transport.local import LocalTransport\n"
        "child = LocalTransport().spawn(['sh', '-c', 'echo $$; read line'])\n"
        "print(int(child.receive(10, 100)), flush=True)\n"
        "input()"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with host:
        assert host.stdout
        runner = int(host.stdout.readline())
        os.kill(host.pid, signal.SIGKILL)
    assert process_ended(runner)


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: Path, target: Path) -> None:
        target.write_bytes(b"part")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(RemoteCommandError, match="disk of this computer is full") as caught:
        LocalTransport().upload(tmp_path / "model", str(tmp_path / "there" / "model"))
    assert "remote_dir" in (caught.value.hint or "")
    assert not list((tmp_path / "there").iterdir())


def test_a_null_byte_is_refused_clearly():
    with pytest.raises(RemoteCommandError, match="cannot start"):
        LocalTransport().run(["echo", "a\0b"])
