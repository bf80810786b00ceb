"""Putting files on a device over SFTP, where its server has that and it works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko

from latkit.devices.transport.shell_files import beside
from latkit.devices.transport.ssh_link import FAILURES, Link
from latkit.devices.transport.time_limit import TimeLimit, TransferLimit
from latkit.errors import LatkitError, RemoteCommandError

_PIECE_BYTES = 32 * 1024
_CLOSE_LIMIT_S = 2.0


class NoSftp(RemoteCommandError):
    """It cannot be done in this way; another way may do."""


class Sftp:
    """An SFTP session on a link.

    Raises NoSftp where the server has none, or something else answers in its place.
    """

    def __init__(self, link: Link, open_timeout_s: float) -> None:
        self._link = link
        try:
            channel = link.open_channel()
            with _watched(TimeLimit(open_timeout_s), channel, link):
                channel.settimeout(open_timeout_s)
                channel.invoke_subsystem("sftp")
                self._client = paramiko.SFTPClient(channel)
        except (*FAILURES, LatkitError) as problem:
            if link.lost():
                raise link.failure() from None
            raise NoSftp(f"no SFTP on {link.description}: {problem}") from None

    @property
    def alive(self) -> bool:
        """Whether the session can still be used."""
        channel = self._client.get_channel()
        return channel is not None and not channel.closed

    def put(self, local: Path, remote: str, timeout_s: float) -> None:
        """Write beside the target and rename, so that a file there is always whole.

        ``timeout_s`` is how long it may take without getting on. Raises NoSftp where the server
        refuses, RemoteCommandError where it stops answering.
        """
        temporary, limit = beside(remote), TransferLimit(timeout_s)
        try:
            with _watched(limit, self._client.get_channel(), self._link):
                self._write(local, temporary, limit)
                self._client.posix_rename(temporary, remote)
        except FAILURES as problem:
            raise self._failed(temporary, limit, problem, f"{local.name} at {remote}") from None

    def _write(self, local: Path, temporary: str, limit: TransferLimit) -> None:
        with local.open("rb") as source, self._client.open(temporary, "wbx") as target:
            target.set_pipelined(True)
            while piece := source.read(_PIECE_BYTES):
                target.write(piece)
                limit.moved(len(piece))
            target.flush()
        written, size = self._client.stat(temporary).st_size, local.stat().st_size
        if written != size:
            raise OSError(f"{written} of {size} bytes arrived")

    def _failed(
        self, temporary: str, limit: TimeLimit, problem: BaseException, what: str
    ) -> LatkitError:
        if self._link.lost():
            return self._link.failure()
        if isinstance(problem, TimeoutError) or not limit.left_s():
            return RemoteCommandError(
                f"cannot put {what} on {self._link.description}: it took hardly anything of it "
                f"for {limit.timeout_s:g} s"
            )
        with suppress(*FAILURES), _watched(limit, self._client.get_channel(), self._link):
            self._client.remove(temporary)
        return NoSftp(f"cannot put {what} on {self._link.description}: {problem}")


@contextmanager
def _watched(limit: TimeLimit, channel: paramiko.Channel | None, link: Link) -> Iterator[None]:
    """Close a channel at a time limit, whatever somebody waits for on it meanwhile."""
    done = threading.Event()
    threading.Thread(target=_watch, args=(limit, channel, link, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(
    limit: TimeLimit, channel: paramiko.Channel | None, link: Link, done: threading.Event
) -> None:
    while left_s := limit.left_s():
        if done.wait(left_s):
            return
    # Closing it writes to the connection, where somebody may be stuck.
    if channel is None or not _ends(channel.close, _CLOSE_LIMIT_S):
        link.abort()


def _ends(action: Callable[[], None], timeout_s: float) -> bool:
    thread = threading.Thread(target=_quietly, args=(action,), daemon=True)
    thread.start()
    thread.join(timeout_s)
    return not thread.is_alive()


def _quietly(action: Callable[[], None]) -> None:
    with suppress(*FAILURES):
        action()
