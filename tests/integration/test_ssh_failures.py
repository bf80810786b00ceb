"""Everything that keeps a device from being reached, and what is then said."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from latkit.devices.profile import create
from latkit.devices.transport.ssh_connect import _no_connection
from latkit.devices.transport.ssh_target import resolve
from latkit.errors import DeviceUnreachable, HostKeyError, LatkitError, UsageError
from tests.integration.sshd import Sshd, board, free_port, make_key

NO_AGENT = 2
"""What ssh-add ends with while nobody answers at SSH_AUTH_SOCK."""


def failure(**values: object) -> LatkitError:
    with pytest.raises(LatkitError) as caught, board(**values):
        pass
    return caught.value


@contextlib.contextmanager
def answering(content: bytes | None) -> Iterator[int]:
    """A port where something else than an SSH server answers, or nothing at all (None)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    stream = listener.accept()[0]
                    held.append(stream)
                    if content is not None:
                        stream.sendall(content)
                        stream.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for stream in held:
            stream.close()


class TestNoServer:
    @pytest.fixture(autouse=True)
    def _no_own_configuration(self, ssh_home: Path):
        """Only what the profile says."""

    def test_refused(self):
        problem = failure(host="127.0.0.1", port=(port := free_port()))
        assert isinstance(problem, DeviceUnreachable)
        assert problem.exit_code == 3
        assert problem.message == f"127.0.0.1, port {port}: connection refused"
        assert "sshd" in (problem.hint or "")

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70, ".", "bad..name"])
    def test_name_without_an_address(self, host: str):
        problem = failure(host=host)
        assert problem.message == f"no address is known for the host {host!r}"
        assert f"`Host {host}` in ~/.ssh/config" in (problem.hint or "")

    def test_no_answer(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            # A queue that is full takes no more connections, and says nothing.
            crowd = [socket.socket() for _ in range(4)]
            for one in crowd:
                one.setblocking(False)
                one.connect_ex(address)
            problem = failure(host="127.0.0.1", port=address[1], connect_timeout_s=0.5)
            for one in crowd:
                one.close()
        assert problem.message.endswith("no answer within 0.5 s")
        assert "switched on" in (problem.hint or "")

    def test_no_route(self):
        target = resolve(create({"name": "board"}))
        problem = _no_connection(target, OSError(113, "No route to host"))
        assert problem.message == "board, port 22: No route to host"
        assert "same network" in (problem.hint or "")

    def test_not_an_ssh_server(self, capfd: pytest.CaptureFixture[str]):
        with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
            problem = failure(host="127.0.0.1", port=port)
        assert isinstance(problem, DeviceUnreachable)
        assert "does not speak SSH" in problem.message
        assert capfd.readouterr().err == ""  # no traceback from paramiko's thread

    def test_hung_up_at_once(self):
        with answering(b"") as port:
            assert "hung up" in failure(host="127.0.0.1", port=port).message

    def test_connected_but_silent(self):
        with answering(None) as port:
            problem = failure(host="127.0.0.1", port=port, connect_timeout_s=0.5)
        assert "no SSH server answered within 0.5 s" in problem.message
        assert "connect_timeout_s" in (problem.hint or "")

    def test_silent_after_its_banner(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                stream = listener.accept()[0]
                stream.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                time.sleep(5)

            threading.Thread(target=serve, daemon=True).start()
            port = listener.getsockname()[1]
            problem = failure(host="127.0.0.1", port=port, connect_timeout_s=0.5)
        assert isinstance(problem, DeviceUnreachable)

    def test_a_transport_that_was_never_entered(self):
        with pytest.raises(DeviceUnreachable, match="not connected"):
            board().run(["true"])


def test_server_gone(own_sshd: Sshd):
    own_sshd.stop()
    assert "connection refused" in failure().message
    own_sshd.start()


class TestHostKey:
    def test_unknown(self, own_sshd: Sshd):
        own_sshd.known_hosts.write_text("")
        problem = failure()
        assert isinstance(problem, HostKeyError)
        assert problem.exit_code == 3
        shown = subprocess.check_output(
            ["ssh-keygen", "-lf", own_sshd.folder / "host_key.pub"], text=True
        )
        assert shown.split()[1] in problem.message
        assert own_sshd.known_hosts.read_text() == ""

    def test_the_command_of_the_hint_makes_it_known(self, own_sshd: Sshd):
        own_sshd.known_hosts.write_text("")
        command = (failure().hint or "").split("accept it with: ")[1]
        # The same command, with the answer `yes` given beforehand.
        accepted = command.replace("StrictHostKeyChecking=ask", "StrictHostKeyChecking=accept-new")
        subprocess.run(accepted, shell=True, check=True, capture_output=True)
        with board() as transport:
            assert transport.run(["echo", "in"]).stdout == "in\n"

    def test_keys_are_verified_where_the_configuration_throws_them_away(
        self, own_sshd: Sshd, ssh_home_alone: Path
    ):
        careless = own_sshd.section().replace(str(own_sshd.known_hosts), "/dev/null")
        own_sshd.config.write_text(f"{careless}    StrictHostKeyChecking no\n")
        problem = failure()
        assert isinstance(problem, HostKeyError)
        assert f"UserKnownHostsFile={ssh_home_alone}/.ssh/known_hosts" in (problem.hint or "")
        shutil.copy(own_sshd.known_hosts, ssh_home_alone / ".ssh" / "known_hosts")
        with board():
            pass

    def test_changed_names_file_and_line(self, own_sshd: Sshd):
        other = make_key(own_sshd.folder / "other_key")
        public = other.with_suffix(".pub").read_text()
        own_sshd.known_hosts.write_text(f"# one\n\n{own_sshd.lookup_name} {public}")
        problem = failure()
        assert isinstance(problem, HostKeyError)
        assert "CHANGED" in problem.message
        assert f"{own_sshd.known_hosts}, line 3" in problem.message
        assert f"ssh-keygen -f {own_sshd.known_hosts} -R" in (problem.hint or "")

    def test_a_known_key_of_another_type_is_a_changed_one(self, own_sshd: Sshd):
        other = make_key(own_sshd.folder / "other_key", kind="ecdsa")
        public = other.with_suffix(".pub").read_text()
        own_sshd.known_hosts.write_text(f"{own_sshd.lookup_name} {public}")
        assert "CHANGED" in failure().message

    def test_of_several_keys_of_the_server_the_recorded_one_is_asked_for(
        self, own_sshd: Sshd, tmp_path: Path
    ):
        for kind in ("rsa", "ecdsa"):
            key = make_key(own_sshd.folder / f"host_key_{kind}", kind=kind)
            settings = own_sshd.folder / "sshd_config"
            settings.write_text(f"{settings.read_text()}HostKey {key}\n")
            own_sshd.reload()
            public = key.with_suffix(".pub").read_text()
            own_sshd.known_hosts.write_text(f"{own_sshd.lookup_name} {public}")
            with board():
                pass

    def test_revoked(self, own_sshd: Sshd):
        trusted = own_sshd.known_hosts.read_text()
        public = (own_sshd.folder / "host_key.pub").read_text()
        own_sshd.known_hosts.write_text(f"{trusted}@revoked * {public}")
        problem = failure()
        assert isinstance(problem, HostKeyError)
        assert "revoked" in problem.message

    def test_hashed_names(self, own_sshd: Sshd):
        command = ["ssh-keygen", "-q", "-H", "-f", str(own_sshd.known_hosts)]
        subprocess.run(command, check=True, capture_output=True)
        assert "|1|" in own_sshd.known_hosts.read_text()
        with board():
            pass


class TestLogin:
    def test_wrong_key(self, own_sshd: Sshd):
        make_key(own_sshd.folder / "wrong")
        own_sshd.config.write_text(own_sshd.section(key=own_sshd.folder / "wrong"))
        problem = failure()
        assert isinstance(problem, DeviceUnreachable)
        assert f"permission denied: {own_sshd.folder}/wrong refused" in problem.message
        assert f"ssh-copy-id -F {own_sshd.config} board" in (problem.hint or "")

    def test_wrong_user(self, own_sshd: Sshd):
        problem = failure(user="nobody-here")
        assert f"nobody-here@127.0.0.1:{own_sshd.port}: permission denied" in problem.message

    def test_no_key_at_all(self, own_sshd: Sshd):
        own_sshd.config.write_text(own_sshd.section(key=own_sshd.folder / "absent"))
        assert "there is no key to offer" in failure().message

    def test_a_file_that_is_no_key(self, own_sshd: Sshd):
        (own_sshd.folder / "letter").write_text("Dear device,")
        (own_sshd.folder / "letter").chmod(0o600)
        own_sshd.config.write_text(own_sshd.section(key=own_sshd.folder / "letter"))
        assert "letter cannot be read" in failure().message

    def test_key_file_of_the_profile_is_missing(self, own_sshd: Sshd):
        problem = failure(identity_file="/no/such/key")
        assert isinstance(problem, UsageError)
        assert "identity_file: there is no file /no/such/key" in problem.message

    def test_key_with_a_passphrase_and_no_agent(self, own_sshd: Sshd):
        locked = _locked_key(own_sshd)
        problem = failure()
        assert "protected by a passphrase, and no agent has it" in problem.message
        assert (problem.hint or "").startswith(f"ssh-add {locked}")

    def test_key_that_others_may_read(self, own_sshd: Sshd):
        shown = make_key(own_sshd.folder / "shown")
        shown.chmod(0o644)
        own_sshd.config.write_text(own_sshd.section(key=shown))
        assert "may be read by others, so that ssh ignores it: chmod 600" in failure().message

    @pytest.mark.parametrize("public_half", [True, False])
    def test_key_with_a_passphrase_in_an_agent(
        self, own_sshd: Sshd, public_half: bool, monkeypatch: pytest.MonkeyPatch
    ):
        locked = _locked_key(own_sshd)
        if not public_half:
            locked.with_name("locked.pub").unlink()
        with _agent(own_sshd.folder, monkeypatch):
            for number in range(8):  # more than the server lets one try
                _add_to_agent(make_key(own_sshd.folder / f"unrelated{number}"))
            _add_to_agent(locked, passphrase="secret")
            with board() as transport:
                assert transport.run(["true"]).returncode == 0

    def test_an_agent_key_without_any_file(
        self, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch, ssh_home: Path
    ):
        own_sshd.config.write_text(
            own_sshd.section(key=own_sshd.folder / "absent").replace("IdentitiesOnly yes", "")
        )
        with _agent(own_sshd.folder, monkeypatch):
            _add_to_agent(own_sshd.user_key)
            with board():
                pass

    def test_more_keys_than_the_server_bears(self, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch):
        own_sshd.config.write_text(
            own_sshd.section(key=own_sshd.folder / "absent").replace("IdentitiesOnly yes", "")
        )
        with _agent(own_sshd.folder, monkeypatch):
            for number in range(8):
                _add_to_agent(make_key(own_sshd.folder / f"unrelated{number}"))
            problem = failure()
        assert "hung up" in problem.message
        assert "IdentitiesOnly yes" in (problem.hint or "")

    def test_a_stale_agent_socket_is_no_obstacle(
        self, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("SSH_AUTH_SOCK", "/no/such/socket")
        with board():
            pass

    @pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
    def test_every_usual_type_of_key(self, own_sshd: Sshd, kind: str):
        key = make_key(own_sshd.folder / f"user_{kind}", kind=kind)
        with (own_sshd.folder / "authorized_keys").open("a") as keys:
            keys.write(key.with_suffix(".pub").read_text())
        with board(identity_file=str(key)):
            pass


def _locked_key(server: Sshd) -> Path:
    locked = make_key(server.folder / "locked", passphrase="secret")
    with (server.folder / "authorized_keys").open("a") as keys:
        keys.write(locked.with_name("locked.pub").read_text())
    server.config.write_text(server.section(key=locked))
    return locked


@contextlib.contextmanager
def _agent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    address = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
    while subprocess.run(["ssh-add", "-l"], capture_output=True).returncode == NO_AGENT:
        time.sleep(0.02)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _add_to_agent(key: Path, passphrase: str = "") -> None:
    answer = key.parent / "answer"
    answer.write_text(f"#!/bin/sh\necho {passphrase}\n")
    answer.chmod(0o755)
    environment = {**os.environ, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True)
