"""A process on the far side of an ssh channel."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from contextlib import suppress

from latkit.devices.transport.process import Streams
from latkit.devices.transport.ssh_link import FAILURES, Link
from latkit.errors import LatkitError, RemoteCommandError

_CHUNK_BYTES = 32 * 1024
_SLICE_S = 1.0
_NOISE_LIMIT_BYTES = 64 * 1024
_KILL_TIMEOUT_S = 5.0
_MARK = b"latkit-process-group "
# Ending a channel does not end the process behind it, so that its group must be known in order
# to be killed. Login scripts may print something first: the command's output begins after the
# mark's line.
_START = (
    "group=$$; read -r _ _ _ _ group _ 2>/dev/null < /proc/$$/stat; "
    f'echo "{_MARK.decode()}$group"; exec "$@"'
)
_KILL = 'kill -KILL "-$1"'


class SshStreams(Streams):
    """A command started on a link, once it is known to run.

    Raises DeviceUnreachable, or RemoteCommandError where the login shell does not start it.
    """

    def __init__(self, link: Link, argv: Sequence[str], start_timeout_s: float) -> None:
        self.label = f"{shlex.join(argv)[:200]!r} on {link.description}"
        self._link = link
        self._channel = link.open_channel()
        try:
            self._channel.exec_command(shlex.join(["sh", "-c", _START, "sh", *argv]))
        except FAILURES as problem:
            raise self._not_started(str(problem)) from None
        self._ahead = b""
        self._group = self._read_mark(time.monotonic() + start_timeout_s)

    def write(self, content: bytes, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        rest = memoryview(content)
        while rest:
            try:
                # In slices, since the channel has one time limit for both directions.
                self._channel.settimeout(_SLICE_S)
                sent = self._channel.send(rest[:_CHUNK_BYTES])
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise
                continue
            except FAILURES:
                sent = 0
            if sent == 0:
                raise self._link.failure() if self._link.lost() else BrokenPipeError()
            rest = rest[sent:]

    def close_stdin(self) -> None:
        with suppress(*FAILURES):
            self._channel.shutdown_write()

    def read_stdout(self, timeout_s: float) -> bytes:
        if self._ahead:
            chunk, self._ahead = self._ahead, b""
            return chunk
        self._channel.settimeout(timeout_s)
        received: bytes = self._channel.recv(_CHUNK_BYTES)
        if not received and self._cut_short():
            raise self._link.failure()
        return received

    def read_stderr(self) -> bytes:
        received: bytes = self._channel.recv_stderr(_CHUNK_BYTES)
        return received

    def wait(self, timeout_s: float) -> bool:
        return bool(self._channel.status_event.wait(timeout_s))

    def returncode(self) -> int:
        if self._cut_short():
            raise self._link.failure()
        return int(self._channel.exit_status)

    def kill(self) -> None:
        if self._channel.status_event.is_set() or not self._link.active():
            return
        if not self._group.isdecimal() or int(self._group) <= 1:
            return
        with suppress(LatkitError, *FAILURES):
            helper = self._link.open_channel()
            helper.exec_command(shlex.join(["sh", "-c", _KILL, "sh", self._group]))
            helper.status_event.wait(_KILL_TIMEOUT_S)
            helper.close()

    def close(self) -> None:
        with suppress(*FAILURES):
            self._channel.close()

    def _cut_short(self) -> bool:
        """Whether the link died before the process ended; ssh tells neither end apart."""
        if self._channel.exit_status != -1:
            return False
        if self._link.active() and self._channel.eof_received:
            return False
        return self._link.lost()

    def _read_mark(self, deadline: float) -> str:
        noise = b""
        while True:
            before, mark, after = noise.partition(_MARK)
            if mark and b"\n" in after:
                group, _, self._ahead = after.partition(b"\n")
                return group.decode("ascii", "replace").strip()
            if len(before) > _NOISE_LIMIT_BYTES:
                raise self._not_started("its login scripts print without end")
            try:
                chunk = self.read_stdout(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise self._not_started("no answer from the login shell") from None
            if not chunk:
                raise self._not_started(noise.decode("utf-8", "replace").strip()[:300])
            noise += chunk

    def _not_started(self, reason: str) -> LatkitError:
        self.close()
        if self._link.lost():
            return self._link.failure()
        login = shlex.join(self._link.target.login_command)
        return RemoteCommandError(
            f"the login shell of {self._link.description} starts no command: {reason or 'silence'}",
            f"this should print 1: {login} echo 1",
        )
