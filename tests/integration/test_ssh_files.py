"""Files on servers whose SFTP is absent, broken or slow, and sessions where few are allowed."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latkit.devices.transport import Transport
from latkit.errors import RemoteCommandError, UsageError
from tests.conformance.transport import line, process_ended, running
from tests.integration.ssh_doors import Door, by_paramiko
from tests.integration.sshd import running_sshd

REAL_SFTP = "/usr/lib/openssh/sftp-server"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "model"
    file.write_bytes(os.urandom(300_000))
    return file


@pytest.fixture
def with_sftp(tmp_path: Path, ssh_home: Path) -> Callable[..., object]:
    """A device by paramiko whose SFTP server is a script."""

    @contextlib.contextmanager
    def connected(script: str, limit_s: float = 30.0) -> Iterator[Transport]:
        server = tmp_path / "sftp-server"
        server.write_text(f"#!/bin/sh\n{script}\n")
        server.chmod(0o755)
        with (
            running_sshd(tmp_path / "sshd", sftp=str(server)) as sshd,
            by_paramiko(sshd, command_timeout_s=limit_s) as transport,
        ):
            yield transport

    return connected


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "exec /no/such/program",
        "echo 'Welcome to the board, which likes to talk before anything else!'; sleep 1000",
        "cat /dev/urandom",
        "yes",
        r"printf '\0\0\377\377\2\0\0'; sleep 1000",
        "exec sleep 1000",
        r"while :; do printf '\0'; sleep 0.2; done",
        f"echo Welcome; exec {REAL_SFTP}",
        "exec sh",
        f"exec {REAL_SFTP} -R",
        f"exec {REAL_SFTP} -P rename,posix-rename,setstat",
    ],
)
def test_files_arrive_though_sftp_does_not_work(
    with_sftp: Callable[..., contextlib.AbstractContextManager[Transport]],
    source: Path,
    tmp_path: Path,
    script: str,
):
    folder = tmp_path / "there"
    with with_sftp(script, 3.0) as transport:
        for name in ("one", "two"):
            transport.upload(source, str(folder / name))
            assert (folder / name).read_bytes() == source.read_bytes()
    assert sorted(file.name for file in folder.iterdir()) == ["one", "two"]


@pytest.mark.parametrize("then", ["sleep 1000", "while dd bs=1 count=1; do sleep 0.2; done"])
def test_sftp_that_stops_or_drips_ends_with_a_message(
    with_sftp: Callable[..., contextlib.AbstractContextManager[Transport]],
    tmp_path: Path,
    then: str,
):
    model, folder = tmp_path / "model", tmp_path / "there"
    model.write_bytes(os.urandom(6_000_000))
    folder.mkdir()
    script = f"(dd bs=1 count=20000; {then}) 2>/dev/null | {REAL_SFTP}"
    with with_sftp(script, 2.0) as transport:
        with pytest.raises(RemoteCommandError, match=r"it took hardly anything of it for 2 s"):
            transport.upload(model, str(folder / "model"))
        assert not (folder / "model").exists()
        assert transport.run(["echo", "still here"]).stdout == "still here\n"


@pytest.mark.parametrize("then", ["sleep 1000", "while dd bs=1 count=1; do sleep 0.2; done"])
def test_a_shell_that_stops_or_drips_ends_with_a_message(tmp_path: Path, door: Door, then: str):
    model = tmp_path / "model"
    model.write_bytes(os.urandom(6_000_000))
    slow = tmp_path / "slow"
    slow.write_text(
        f'#!/bin/sh\n(dd bs=1 count=20000; {then}) 2>/dev/null | sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    slow.chmod(0o755)
    with (
        running_sshd(tmp_path / "sshd", options=f"ForceCommand {slow}", sftp=None) as server,
        door(server, command_timeout_s=2.0) as transport,
        pytest.raises(RemoteCommandError, match="it took hardly anything of it for 2 s"),
    ):
        transport.upload(model, str(tmp_path / "there" / "model"))
    assert not (tmp_path / "there" / "model").exists()


@pytest.mark.parametrize("sessions", [1, 2, 3])
def test_few_sessions_on_a_connection_are_enough(
    tmp_path: Path, door: Door, source: Path, sessions: int
):
    options = f"MaxSessions {sessions}"
    script = "import os; print(os.getpid()); input()"
    with (
        running_sshd(tmp_path / "sshd", options=options) as server,
        door(server) as transport,
        running(transport, script) as one,
        running(transport, script) as two,
    ):
        assert line(one)
        transport.upload(source, str(tmp_path / "there"))
        assert transport.run(["echo", "3"]).stdout == "3\n"
        with pytest.raises(RemoteCommandError, match="did not end"):
            transport.run(["sleep", "60"], timeout_s=1.0)
        pid = int(line(two) or 0)
        assert two.close() != 0
        assert process_ended(pid)
    assert (tmp_path / "there").read_bytes() == source.read_bytes()


def test_no_session_at_all_says_which_setting_to_mend(tmp_path: Path, door: Door):
    with (
        running_sshd(tmp_path / "sshd", options="MaxSessions 0") as server,
        door(server) as transport,
        pytest.raises(RemoteCommandError) as caught,
    ):
        transport.run(["true"])
    assert "refuses another session" in caught.value.message
    assert "MaxSessions" in (caught.value.hint or "")


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a tiny file system needs root")
@pytest.mark.parametrize("sftp", ["internal-sftp", None])
def test_a_full_disk_is_named_with_what_is_needed_and_free(
    tmp_path: Path, door: Door, sftp: str | None
):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        model = tmp_path / "model.onnx"
        model.write_bytes(os.urandom(3_000_000))
        with running_sshd(tmp_path / "sshd", sftp=sftp) as server, door(server) as transport:
            with pytest.raises(RemoteCommandError) as caught:
                transport.upload(model, str(disk / "models" / "model.onnx"))
            assert "is full: model.onnx needs 3.0 MB, 1.0 MB are free" in caught.value.message
            assert not list((disk / "models").iterdir())
            model.write_bytes(b"small")
            transport.upload(model, str(disk / "models" / "model.onnx"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_that_is_not_here_cannot_be_uploaded(
    tmp_path: Path, door: Door, sshd_without_sftp: object
):
    with door(sshd_without_sftp) as transport, pytest.raises(UsageError, match="cannot read"):
        transport.upload(tmp_path / "absent", str(tmp_path / "there"))
