"""Putting files on a device over SFTP."""

from __future__ import annotations

import posixpath
import stat
import uuid
from contextlib import suppress
from pathlib import Path

import paramiko

from latkit.devices.transport.ssh_link import FAILURES, Link
from latkit.errors import RemoteCommandError


class Sftp:
    """An SFTP session on a link."""

    def __init__(self, link: Link, timeout_s: float) -> None:
        self._link = link
        channel = link.open_channel()
        # The limit is for silence, not for a whole transfer.
        channel.settimeout(timeout_s)
        try:
            channel.invoke_subsystem("sftp")
            self._client = paramiko.SFTPClient(channel)
        except FAILURES as problem:
            channel.close()
            if link.lost():
                raise link.failure() from None
            raise RemoteCommandError(
                f"no files can be put on {link.description}: its SFTP server fails ({problem})",
                "install openssh-sftp-server there; shell start-up files must print nothing",
            ) from None

    @property
    def alive(self) -> bool:
        """Whether the session can still be used."""
        channel = self._client.get_channel()
        return channel is not None and not channel.closed

    def is_file(self, remote: str) -> bool:
        try:
            mode = self._client.stat(remote).st_mode
        except FileNotFoundError:
            return False
        except FAILURES as problem:
            raise self._refused(f"look for {remote}", problem) from None
        return mode is not None and stat.S_ISREG(mode)

    def put(self, local: Path, remote: str) -> None:
        """Write beside the target and rename, so that a file there is always whole."""
        folder, name = posixpath.split(remote)
        temporary = posixpath.join(folder, f".{name}.{uuid.uuid4().hex}.part")
        try:
            # Its own confirmation is a second stat; the size is compared here, once.
            self._client.put(str(local), temporary, confirm=False)
            self._require_size(temporary, local.stat().st_size)
            self._client.posix_rename(temporary, remote)
        except FAILURES as problem:
            with suppress(*FAILURES):
                self._client.remove(temporary)
            raise self._refused(f"put {local.name} at {remote}", problem) from None

    def _require_size(self, remote: str, size: int) -> None:
        written = self._client.stat(remote).st_size
        if written != size:
            raise OSError(f"{written} of {size} bytes arrived")

    def _refused(self, action: str, problem: BaseException) -> Exception:
        if self._link.lost():
            return self._link.failure()
        reason = "it stopped answering" if isinstance(problem, TimeoutError) else _reason(problem)
        return RemoteCommandError(f"cannot {action} on {self._link.description}: {reason}")


def _reason(problem: BaseException) -> str:
    said = problem.strerror if isinstance(problem, OSError) else None
    return said or str(problem) or type(problem).__name__
