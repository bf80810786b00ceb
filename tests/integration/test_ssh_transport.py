"""The ssh transport against a real OpenSSH server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from latkit.devices.profile import create
from latkit.devices.transport import CommandResult, Transport, open_transport
from latkit.devices.transport.ssh import SshTransport
from latkit.errors import RemoteCommandError, UsageError
from tests.conformance.transport import TransportConformance, line, process_ended, running
from tests.integration.sshd import Sshd, running_sshd


def board(**values: object) -> Transport:
    return open_transport(create({"name": "board", **values}))


@pytest.fixture(scope="module")
def connected(sshd_server: Sshd):
    """One connection for all: a test that leaves a session open would soon exhaust it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATKIT_SSH_CONFIG", str(sshd_server.config))
        with board() as transport:
            yield transport


@pytest.fixture
def transport(connected: Transport, sshd: Sshd):
    return connected


class TestSshTransport(TransportConformance):
    pass


def test_the_description_is_where_it_leads(transport: Transport, sshd: Sshd):
    assert transport.description == f"{sshd.user}@127.0.0.1:{sshd.port}"


def test_what_login_scripts_print_is_no_output(tmp_path: Path, ssh_home: Path, monkeypatch):
    shell = tmp_path / "noisy-shell"
    shell.write_text('#!/bin/sh\necho Welcome to the board!\nexec sh "$@"\n')
    shell.chmod(0o755)
    forced = f'ForceCommand {shell} -c "$SSH_ORIGINAL_COMMAND"'
    with running_sshd(tmp_path / "sshd", options=forced) as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        with board() as transport:
            assert transport.run(["echo", "42"]).stdout == "42\n"
            with running(transport, "print('line')") as process:
                assert line(process) == b"line"


def test_a_login_shell_that_starts_nothing(tmp_path: Path, ssh_home: Path, monkeypatch):
    forced = "ForceCommand echo This account is not available."
    with running_sshd(tmp_path / "sshd", options=forced) as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        with board() as transport, pytest.raises(RemoteCommandError) as caught:
            transport.run(["true"])
    assert "This account is not available." in caught.value.message
    assert caught.value.hint == f"this should print 1: ssh -F {server.config} board echo 1"


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "busybox sh"])
def test_every_login_shell_will_do(tmp_path: Path, ssh_home: Path, monkeypatch, shell: str):
    if subprocess.run(["which", shell.split()[0]], capture_output=True).returncode != 0:
        pytest.skip(f"{shell} is not installed")
    forced = f'ForceCommand {shell} -c "$SSH_ORIGINAL_COMMAND"'
    with running_sshd(tmp_path / "sshd", options=forced) as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        with board() as transport:
            assert transport.run(["printf", "%s", "it's $HOME!\n"]).stdout == "it's $HOME!\n"
            with pytest.raises(RemoteCommandError, match="did not end"):
                transport.run(["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 60"], timeout_s=2.0)
            assert process_ended(int((tmp_path / "pid").read_text()))


def test_a_device_without_sftp_says_what_to_install(tmp_path: Path, ssh_home: Path, monkeypatch):
    with running_sshd(tmp_path / "sshd", sftp="/bin/false") as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        with board() as transport, pytest.raises(RemoteCommandError) as caught:
            transport.exists("/etc/hostname")
    assert "SFTP" in caught.value.message
    assert "openssh-sftp-server" in (caught.value.hint or "")


def test_too_many_sessions_are_refused_clearly(tmp_path: Path, ssh_home: Path, monkeypatch):
    with running_sshd(tmp_path / "sshd", options="MaxSessions 1") as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        refused = pytest.raises(RemoteCommandError, match="refuses another session")
        with board() as transport, running(transport, "input()"), refused:
            transport.run(["true"])


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a tiny file system needs root")
def test_a_full_disk_is_named_with_what_is_needed_and_free(transport: Transport, tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        model = tmp_path / "model.onnx"
        model.write_bytes(os.urandom(3_000_000))
        with pytest.raises(RemoteCommandError) as caught:
            transport.upload(model, str(disk / "models" / "model.onnx"))
        assert "is full: model.onnx needs 3.0 MB, 1.0 MB are free" in caught.value.message
        assert not list((disk / "models").iterdir())
        model.write_bytes(b"small")
        transport.upload(model, str(disk / "models" / "model.onnx"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_told_from_another_refusal(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """SFTP says `Failure` for both; only the free space tells."""
    source = tmp_path / "model.onnx"
    source.write_bytes(b"x" * 5000)
    (tmp_path / "there").mkdir()

    def refuse(*_: object) -> None:
        raise OSError("Failure")

    monkeypatch.setattr("paramiko.SFTPClient.posix_rename", refuse)
    with pytest.raises(RemoteCommandError, match=r"cannot put model.onnx at .*: Failure"):
        transport.upload(source, str(tmp_path / "there" / "model.onnx"))
    (tmp_path / "df").write_text("#!/bin/sh\necho h\necho 'my disk 100 96 4 96% /a b'\n")
    (tmp_path / "df").chmod(0o755)
    own_command = SshTransport._own_command

    def with_little_space(self: SshTransport, argv: list[str]) -> CommandResult:
        return own_command(self, [str(tmp_path / "df")] if argv[0] == "df" else argv)

    monkeypatch.setattr(SshTransport, "_own_command", with_little_space)
    with pytest.raises(RemoteCommandError, match=r"is full: model.onnx needs 0.0 MB, 0.0 MB"):
        transport.upload(source, str(tmp_path / "there" / "model.onnx"))
    assert not list((tmp_path / "there").iterdir())


def test_a_file_that_is_not_here_cannot_be_uploaded(transport: Transport, tmp_path: Path):
    with pytest.raises(UsageError, match="cannot read"):
        transport.upload(tmp_path / "absent", str(tmp_path / "there"))


def test_an_unreadable_place_is_refused(transport: Transport, tmp_path: Path):
    with pytest.raises(RemoteCommandError, match="cannot"):
        transport.exists(str(tmp_path / ("x" * 300)))
