"""A device reached over ssh."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from latkit.devices.transport.base import CommandResult, RemoteProcess, Transport
from latkit.devices.transport.process import LineProcess, complete, with_environment
from latkit.devices.transport.sftp import Sftp
from latkit.devices.transport.ssh_link import Link
from latkit.devices.transport.ssh_streams import SshStreams
from latkit.devices.transport.ssh_target import Target
from latkit.errors import DeviceUnreachable, RemoteCommandError, UsageError


class SshTransport(Transport):
    """One ssh connection to one device. Host keys are verified, nothing is ever asked.

    ``command_timeout_s`` bounds what the transport does of itself: starting a command, finding
    the home directory, the silence of a file transfer.
    """

    def __init__(self, target: Target, *, command_timeout_s: float = 30.0) -> None:
        self._target = target
        self._command_timeout_s = command_timeout_s
        self._open_link: Link | None = None
        self._sftp: Sftp | None = None
        self._home: str | None = None

    def __enter__(self) -> SshTransport:
        self._open_link = Link(self._target)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._open_link is not None:
            self._open_link.close()

    @property
    def description(self) -> str:
        return self._target.label

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        return complete(self._start(argv), stdin, timeout_s)

    def spawn(
        self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> RemoteProcess:
        return LineProcess(self._start(with_environment(argv, environment)))

    def upload(self, local: Path, remote: str) -> None:
        size_bytes = _size(local)
        folder = posixpath.dirname(remote)
        made = self._own_command(["mkdir", "-p", "--", folder])
        if made.returncode != 0:
            raise RemoteCommandError(
                f"cannot make the folder {folder} on {self.description}: {made.stderr.strip()}"
            )
        try:
            self._files().put(local, remote)
        except RemoteCommandError:
            self._blame_full_disk(local.name, size_bytes, folder)
            raise

    def exists(self, remote: str) -> bool:
        return self._files().is_file(remote)

    def home(self) -> str:
        if self._home is None:
            said = self._own_command(["sh", "-c", 'echo "$HOME"']).stdout.rstrip("\n")
            if not said.startswith("/"):
                raise RemoteCommandError(
                    f"{self.description} has no home directory ({said!r})",
                    "give an absolute remote_dir in the device's profile",
                )
            self._home = said
        return self._home

    def _link(self) -> Link:
        if self._open_link is None:
            raise DeviceUnreachable(f"not connected to {self.description}")
        return self._open_link

    def _start(self, argv: Sequence[str]) -> SshStreams:
        return SshStreams(self._link(), argv, self._command_timeout_s)

    def _own_command(self, argv: Sequence[str]) -> CommandResult:
        return self.run(argv, timeout_s=self._command_timeout_s)

    def _files(self) -> Sftp:
        if self._sftp is None or not self._sftp.alive:
            self._sftp = Sftp(self._link(), self._command_timeout_s)
        return self._sftp

    def _blame_full_disk(self, name: str, size_bytes: int, folder: str) -> None:
        """SFTP has no word for a full disk: it says Failure."""
        said = self._own_command(["df", "-Pk", "--", folder]).stdout
        match = re.search(r"\s\d+\s+\d+\s+(\d+)\s+\d+%\s", said)
        free_bytes = int(match[1]) * 1024 if match else size_bytes
        if free_bytes < size_bytes:
            raise RemoteCommandError(
                f"the disk of {self.description} is full: {name} needs {_mb(size_bytes)}, "
                f"{_mb(free_bytes)} are free at {folder}",
                "free some space there, or point remote_dir in the profile at another disk",
            ) from None


def _size(local: Path) -> int:
    try:
        return local.stat().st_size
    except OSError as problem:
        raise UsageError(f"cannot read {local}: {problem.strerror}") from None


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
