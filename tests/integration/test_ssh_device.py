"""Leasing and checking a device over ssh."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latkit.devices.check import check
from latkit.devices.deploy import deploy
from latkit.devices.finding import Finding
from latkit.devices.lease import DeviceBusyError, Lease
from latkit.devices.profile import Profile, create
from latkit.devices.transport import Transport, open_transport
from latkit.devices.transport.local import LocalTransport
from latkit.errors import DeviceUnreachable
from tests.integration.sshd import Sshd, make_key, running_sshd


def board(**values: object) -> Profile:
    return create({"name": "board", "python": sys.executable, **values})


def found(profile: Profile) -> dict[str, Finding]:
    return {finding.name: finding for finding in check(profile)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder that is at the same place of the home directory for both transports."""
    monkeypatch.setenv("HOME", pwd.getpwuid(os.getuid()).pw_dir)
    return str(tmp_path / "folder")


def require_for_a_while(held: Lease) -> None:
    for _ in range(200):
        held.require()
        time.sleep(0.05)


def lease(transport: Transport, folder: str, wait_s: float = 0.0) -> Lease:
    return Lease(deploy(transport, board(remote_dir=folder)), wait_s=wait_s)


def local_lease(folder: str, wait_s: float = 0.0) -> Lease:
    return lease(LocalTransport(), folder, wait_s)


def test_a_lease_excludes_however_the_device_is_reached(sshd: Sshd, folder: str):
    with open_transport(board()) as transport:
        with lease(transport, folder) as held:
            held.require()
            with pytest.raises(DeviceBusyError, match="in use by"), local_lease(folder):
                pass
            with pytest.raises(DeviceBusyError), lease(transport, folder):
                pass
        with lease(transport, folder):
            pass


def test_a_lost_link_ends_the_lease(tmp_path: Path, ssh_home: Path, folder: str, monkeypatch):
    with running_sshd(tmp_path / "sshd") as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        with (
            open_transport(board()) as transport,
            lease(transport, folder) as held,
        ):
            with pytest.raises(DeviceBusyError), local_lease(folder):
                pass
            server.kill_sessions()
            with local_lease(folder, wait_s=30.0):
                pass
            with pytest.raises(DeviceUnreachable, match="was lost"):
                require_for_a_while(held)


def test_a_killed_host_ends_the_lease(sshd: Sshd, folder: str):
    script = (
        "import sys\n"
        "from latkit.devices.deploy import deploy\n"
        "from latkit.devices.lease import Lease\n"
        "from latkit.devices.profile import create\n"
        "from latkit.devices.transport import open_transport\n"
        "device = create({'name': 'board', 'python': sys.executable, 'remote_dir': sys.argv[1]})\n"
        "with open_transport(device) as transport:\n"
        "    with Lease(deploy(transport, device)):\n"
        "        print('held', flush=True)\n"
        "        input()\n"
    )
    command = [sys.executable, "-c", script, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        assert host.stdout
        assert host.stdout.readline() == b"held\n"
        with pytest.raises(DeviceBusyError, match=f"process {host.pid}"), local_lease(folder):
            pass
        os.kill(host.pid, signal.SIGKILL)
        with local_lease(folder, wait_s=30.0):
            pass


def test_check_of_a_ready_device(sshd: Sshd, tmp_path: Path):
    findings = found(board(remote_dir=str(tmp_path)))
    assert findings["connection"].detail == f"{sshd.user}@127.0.0.1:{sshd.port}"
    assert findings["runtime"].level == "ok"
    assert "problem" not in {finding.level for finding in findings.values()}


def test_check_names_the_command_that_installs_the_runtime(sshd: Sshd, tmp_path: Path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    finding = found(board(python=python, remote_dir=f"{tmp_path}/device"))["runtime"]
    assert finding.level == "problem"
    assert finding.detail == "onnxruntime is missing, numpy is missing"
    script = f"{python} -m ensurepip && {python} -m pip install onnxruntime numpy"
    assert finding.hint == f"ssh -F {sshd.config} board '{script}'"


def test_check_without_python(sshd: Sshd):
    finding = found(board(python="python3.99"))["python"]
    assert finding.level == "problem"
    assert finding.detail == "there is no python3.99"
    assert (finding.hint or "").startswith(f"ssh -F {sshd.config} board sudo apt-get install")


def test_check_without_sftp(tmp_path: Path, ssh_home: Path, monkeypatch):
    with running_sshd(tmp_path / "sshd", sftp=None) as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        checked = found(board(remote_dir=f"{tmp_path}/device"))
    assert checked["python"].level == "ok"
    assert "access" not in checked


def test_check_without_access(sshd: Sshd, tmp_path: Path):
    wrong = make_key(tmp_path / "wrong")
    finding = found(board(identity_file=str(wrong)))["connection"]
    assert finding.level == "problem"
    assert "permission denied" in finding.detail
    assert "ssh-copy-id" in (finding.hint or "")
