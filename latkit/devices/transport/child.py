"""A child process of this one, seen through its three pipes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from latkit.devices.transport.streams import Streams
from latkit.errors import RemoteCommandError

_CHUNK_BYTES = 64 * 1024
_KILL_GRACE_S = 5.0


class ChildStreams(Streams):
    """Starts it; raises RemoteCommandError where it cannot be started."""

    def __init__(
        self, words: Sequence[str], label: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.label = label
        # A session of its own: Ctrl-C in the terminal is for the host alone, which then has
        # the time to store what it knows.
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
                env=environment,
            )
        except (OSError, ValueError) as problem:
            raise RemoteCommandError(f"cannot start {label}: {problem}") from None
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._stderr = self._process.stderr
        os.set_blocking(self._stdin.fileno(), False)

    def write_some(self, content: bytes | memoryview, timeout_s: float) -> int:
        if self._stdin.closed:
            raise BrokenPipeError
        _await(self._stdin.fileno(), select.POLLOUT, timeout_s)
        return self._stdin.write(content) or 0

    def close_stdin(self) -> None:
        with suppress(OSError):
            self._stdin.close()

    def read_stdout(self, timeout_s: float) -> bytes:
        if self._stdout.closed:
            return b""
        _await(self._stdout.fileno(), select.POLLIN, timeout_s)
        return self._stdout.read(_CHUNK_BYTES) or b""

    def read_stderr(self) -> bytes:
        return self._stderr.read(_CHUNK_BYTES) or b""

    def close_stderr(self) -> None:
        self._stderr.close()

    def wait(self, timeout_s: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self._process.returncode is not None

    def returncode(self) -> int:
        assert self._process.returncode is not None
        return self._process.returncode

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(_KILL_GRACE_S)

    def close(self) -> None:
        self.close_stdin()
        self._stdout.close()


def _await(descriptor: int, event: int, timeout_s: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, timeout_s) * 1000):
        raise TimeoutError
