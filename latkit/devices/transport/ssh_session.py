"""A session of a paramiko connection."""

from __future__ import annotations

from contextlib import suppress

from latkit.devices.transport.shell_streams import ShellSession
from latkit.devices.transport.ssh_link import FAILURES, Link
from latkit.errors import LatkitError, RemoteCommandError

_CHUNK_BYTES = 32 * 1024
# The channel has one time limit for both directions.
_SLICE_S = 1.0
_LEAST_S = 0.02


class ChannelSession(ShellSession):
    """Gives a line to the login shell; raises DeviceUnreachable or SessionRefused."""

    def __init__(self, link: Link, line: str, label: str) -> None:
        self.label = label
        self._link = link
        self._channel = link.open_channel()
        try:
            self._channel.exec_command(line)
        except FAILURES as problem:
            self._channel.close()
            raise self._not_accepted(problem) from None

    def write_some(self, content: bytes | memoryview, timeout_s: float) -> int:
        self._channel.settimeout(min(timeout_s, _SLICE_S))
        try:
            sent = int(self._channel.send(content[:_CHUNK_BYTES]))
        except TimeoutError:
            if timeout_s <= _SLICE_S:
                raise
            return 0
        except FAILURES:
            sent = 0
        if sent == 0:
            raise self._link.failure() if self._link.lost() else BrokenPipeError()
        return sent

    def close_stdin(self) -> None:
        with suppress(*FAILURES):
            self._channel.shutdown_write()

    def read_stdout(self, timeout_s: float) -> bytes:
        self._channel.settimeout(max(timeout_s, _LEAST_S))
        try:
            received: bytes = self._channel.recv(_CHUNK_BYTES)
        finally:
            self._channel.settimeout(_SLICE_S)  # lest the reader of standard error never rests
        if not received and self._cut_short():
            raise self._link.failure()
        return received

    def read_stderr(self) -> bytes:
        received: bytes = self._channel.recv_stderr(_CHUNK_BYTES)
        return received

    def close_stderr(self) -> None:
        """It belongs to the channel."""

    def wait(self, timeout_s: float) -> bool:
        return bool(self._channel.status_event.wait(timeout_s))

    def returncode(self) -> int:
        if self._cut_short():
            raise self._link.failure()
        return int(self._channel.exit_status)

    def refusal(self, said: str) -> LatkitError | None:
        return self._link.failure() if self._link.lost() else None

    def kill(self) -> None:
        self.close()

    def close(self) -> None:
        with suppress(*FAILURES):
            self._channel.close()

    def _not_accepted(self, problem: BaseException) -> LatkitError:
        if self._link.lost():
            return self._link.failure()
        return RemoteCommandError(
            f"{self._link.description} lets no command run: {problem}",
            "does its sshd, or authorized_keys there, allow this key to run commands?",
        )

    def _cut_short(self) -> bool:
        """Whether the link died before the process ended; ssh tells neither end apart."""
        if self._channel.exit_status != -1:
            return False
        if self._link.active() and self._channel.eof_received:
            return False
        return self._link.lost()
