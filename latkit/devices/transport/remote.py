"""A device behind a login shell, however that is reached."""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType

from latkit.devices.transport import shell_files
from latkit.devices.transport.base import CommandResult, RemoteProcess, Transport
from latkit.devices.transport.last_words import last_words
from latkit.devices.transport.link_errors import SessionRefused
from latkit.devices.transport.login_shell import Order, killing
from latkit.devices.transport.process import LineProcess, collect, complete, with_environment
from latkit.devices.transport.shell_streams import ShellSession, ShellStreams
from latkit.devices.transport.time_limit import TimeLimit
from latkit.errors import DeviceUnreachable, LatkitError, RemoteCommandError, UsageError

_KILL_TIMEOUT_S = 5.0
# What a login shell may take of the time that is for a command.
_START_SHARE = 1 / 3


class Connection(ABC):
    """One login. Host keys have been verified, and nothing is ever asked."""

    @abstractmethod
    def session(self, order: Order, label: str) -> ShellSession:
        """Give an order to a login shell there; raises DeviceUnreachable or SessionRefused."""

    @abstractmethod
    def close(self) -> None:
        """End everything that runs over it."""


class RemoteTransport(Transport):
    """Commands, processes and files over one connection, and more where one bears too little.

    Args:
        label: ``user@host:port``, for messages.
        login_command: the ssh command that reaches the same place.
        command_timeout_s: bounds what the transport does of itself: starting a command, finding
            the home directory, a file transfer that does not get on.
    """

    def __init__(
        self, label: str, login_command: Sequence[str], *, command_timeout_s: float
    ) -> None:
        self._label = label
        self._login_command = tuple(login_command)
        self._command_timeout_s = command_timeout_s
        self._connections: list[Connection] = []
        self._home: str | None = None

    @abstractmethod
    def _connect(self) -> Connection:
        """Log in; raises DeviceUnreachable or HostKeyError."""

    def __enter__(self) -> RemoteTransport:
        self._connections.append(self._connect())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._connections:
            self._connections.pop().close()

    @property
    def description(self) -> str:
        return self._label

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        return complete(self._start(argv), stdin, timeout_s)

    def spawn(
        self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> RemoteProcess:
        return LineProcess(self._start(with_environment(argv, environment)))

    def upload(self, local: Path, remote: str) -> None:
        try:
            size_bytes = local.stat().st_size
            with local.open("rb"):
                pass
        except OSError as problem:
            raise UsageError(f"cannot read {local}: {problem.strerror}") from None
        try:
            self._put(local, remote)
        except RemoteCommandError:
            self._blame_full_disk(local.name, size_bytes, posixpath.dirname(remote))
            raise

    def exists(self, remote: str) -> bool:
        answer = self._own_command(["test", "-f", remote])
        if answer.returncode not in (0, 1):
            raise RemoteCommandError(
                f"cannot look for {remote} on {self._label}: {answer.stderr.strip()[-300:]}"
            )
        return answer.returncode == 0

    def home(self) -> str:
        if self._home is None:
            answer = self._own_command(["sh", "-c", 'echo "$HOME"'])
            if answer.returncode != 0:
                raise RemoteCommandError(
                    f"cannot ask {self._label} for its home directory: "
                    f"{last_words(answer.stderr) or f'status {answer.returncode}'}"
                )
            said = answer.stdout.rstrip("\n")
            if not said.startswith("/"):
                raise RemoteCommandError(
                    f"{self._label} has no home directory ({said!r})",
                    "give an absolute remote_dir in the device's profile",
                )
            self._home = said
        return self._home

    def _put(self, local: Path, remote: str) -> None:
        """Put a file there; raises RemoteCommandError."""
        shell_files.put(self._start, local, remote, self._label, self._command_timeout_s)

    def _own_command(self, argv: Sequence[str]) -> CommandResult:
        return self.run(argv, timeout_s=self._command_timeout_s)

    def _start(self, argv: Sequence[str]) -> ShellStreams:
        """Start a command where there is room for it; the server limits sessions by connection."""
        if not self._connections:
            raise DeviceUnreachable(f"not connected to {self._label}")
        for connection in self._connections:
            try:
                return self._start_on(connection, argv)
            except SessionRefused as problem:
                refusal = problem
        self._connections.append(self._another_connection(refusal))
        return self._start_on(self._connections[-1], argv)

    def _another_connection(self, refusal: SessionRefused) -> Connection:
        try:
            return self._connect()
        except DeviceUnreachable as problem:
            refusal.message += f"; and another connection beside: {problem.message}"
            raise refusal from None

    def _start_on(self, connection: Connection, argv: Sequence[str]) -> ShellStreams:
        order = Order(tuple(argv))
        session = partial(connection.session, order, f"{order.shown} on {self._label}")
        return ShellStreams(
            session(),
            order,
            where=self._label,
            login_command=self._login_command,
            start_timeout_s=self._command_timeout_s * _START_SHARE,
            end_group=self._end_group,
            again=session,
        )

    def _end_group(self, group: str) -> None:
        command = killing(group)
        if command is None:
            return
        with suppress(LatkitError, TimeoutError):
            collect(self._start(command), (), TimeLimit(_KILL_TIMEOUT_S))

    def _blame_full_disk(self, name: str, size_bytes: int, folder: str) -> None:
        """SFTP has no word for a full disk: it says Failure."""
        free_bytes = shell_files.free_bytes(self._own_command(["df", "-Pk", "--", folder]).stdout)
        if free_bytes is not None and free_bytes < size_bytes:
            raise RemoteCommandError(
                f"the disk of {self._label} is full: {name} needs {_mb(size_bytes)}, "
                f"{_mb(free_bytes)} are free at {folder}",
                "free some space there, or point remote_dir in the profile at another disk",
            ) from None


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
