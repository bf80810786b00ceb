"""An SSH server of the tests' own that lets everybody in and then does not do what it should."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko

from tests.integration.sshd import make_key

Serve = Callable[[socket.socket], None]
Answer = Callable[[paramiko.Channel], None]
CHUNK = b"x" * 32768


@contextmanager
def serving(folder: Path, serve: Serve) -> Iterator[Path]:
    """A server that handles each connection so; yields a client configuration with a Host board."""
    folder.mkdir()
    make_key(folder / "host_key")
    make_key(folder / "user_key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        threading.Thread(target=_accept, args=(listener, serve), daemon=True).start()
        public = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
        config = folder / "config"
        config.write_text(
            f"Host board\n HostName 127.0.0.1\n Port {port}\n User me\n IdentitiesOnly yes\n"
            f" IdentityFile {folder}/user_key\n UserKnownHostsFile {folder}/known_hosts\n"
        )
        yield config


def _accept(listener: socket.socket, serve: Serve) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_served, args=(connection, serve), daemon=True).start()


def _served(connection: socket.socket, serve: Serve) -> None:
    with suppress(OSError, EOFError, paramiko.SSHException):
        serve(connection)


def answering(key: Path, answer: Answer) -> Serve:
    """Speaks SSH, and gives every command that answer."""

    def serve(connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(str(key)))
        transport.start_server(server=_Open(answer))
        while transport.is_active():
            time.sleep(0.05)

    return serve


class _Open(paramiko.ServerInterface):
    """Lets everybody in."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._play, args=(channel,), daemon=True).start()
        return True

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        return self.check_channel_exec_request(channel, b"")

    def _play(self, channel: paramiko.Channel) -> None:
        with suppress(OSError, EOFError):
            self._answer(channel)


def drip(connection: socket.socket) -> None:
    """A byte now and then, which never makes a greeting."""
    while True:
        connection.sendall(b"S")
        time.sleep(0.05)


def pour(send: Callable[[bytes], object], chunk: bytes = CHUNK) -> None:
    """The same without end."""
    while True:
        send(chunk)
