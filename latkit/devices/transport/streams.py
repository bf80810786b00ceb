"""A started process as a transport sees it, and the threads that keep its streams flowing."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress

from latkit.devices.transport.time_limit import TimeLimit
from latkit.errors import DeviceUnreachable

_SLICE_S = 0.5


class Streams(ABC):
    """A process: its three streams and its end.

    Attributes:
        label: the command and where it runs, for messages.
    """

    label: str

    @abstractmethod
    def write_some(self, content: bytes | memoryview, timeout_s: float) -> int:
        """Write what is taken at once; how many bytes, 0 where it is to be tried again.

        Raises TimeoutError, BrokenPipeError where nobody reads any more, or DeviceUnreachable.
        """

    def write(self, content: bytes, timeout_s: float) -> None:
        """Write all; raises as ``write_some`` does."""
        limit = TimeLimit(timeout_s)
        rest = memoryview(content)
        while rest:
            rest = rest[self.write_some(rest, limit.left_s()) :]

    @abstractmethod
    def close_stdin(self) -> None:
        """Let the process see the end of its input."""

    @abstractmethod
    def read_stdout(self, timeout_s: float) -> bytes:
        """Some bytes, b"" at the end; raises TimeoutError or DeviceUnreachable."""

    @abstractmethod
    def read_stderr(self) -> bytes:
        """Some bytes, b"" at the end; may raise TimeoutError, after which one reads on."""

    @abstractmethod
    def close_stderr(self) -> None:
        """Release standard error; only its reader calls this."""

    @abstractmethod
    def wait(self, timeout_s: float) -> bool:
        """Whether the process ended in time; standard error is being read meanwhile."""

    @abstractmethod
    def returncode(self) -> int:
        """Exit status of an ended process, negative where a signal ended it.

        Raises DeviceUnreachable where the link died first.
        """

    @abstractmethod
    def kill(self) -> None:
        """End the process and all that it started, at once."""

    @abstractmethod
    def close(self) -> None:
        """Release what the host holds; the process has ended or was killed, nobody reads it."""


class Kept:
    """The first bytes of a stream, or its last ones, never more than a limit."""

    def __init__(self, limit_bytes: int, *, tail: bool = False) -> None:
        self._limit = limit_bytes
        self._tail = tail
        self._content = bytearray()

    def add(self, chunk: bytes) -> None:
        if self._tail:
            self._content += chunk
            del self._content[: -self._limit]
        else:
            self._content += chunk[: self._limit - len(self._content)]

    def text(self) -> str:
        return bytes(self._content).decode("utf-8", "replace")


class Drain:
    """Reads standard error in a thread of its own, so that it never holds the process up."""

    def __init__(self, streams: Streams, kept: Kept) -> None:
        self._streams = streams
        self._kept = kept
        self._chunks = 0
        self._wanted = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def text(self) -> str:
        return self._kept.text()

    def settle(self, quiet_s: float, limit_s: float) -> None:
        """Wait for the stream's end; in vain where a process left behind keeps it open.

        That process may be silent (after ``quiet_s`` nothing more is expected) or talk without end
        (nobody listens after ``limit_s``).
        """
        limit = TimeLimit(limit_s)
        seen = -1
        while self._thread.is_alive() and seen != self._chunks and limit.left_s():
            seen = self._chunks
            self._thread.join(min(quiet_s, limit.left_s()))

    def stop(self) -> None:
        """Read no more than what is being read at this moment."""
        self._wanted = False

    def _run(self) -> None:
        with suppress(OSError, DeviceUnreachable):
            while self._wanted and self._read():
                self._chunks += 1
        self._streams.close_stderr()

    def _read(self) -> bool:
        try:
            chunk = self._streams.read_stderr()
        except TimeoutError:
            return True
        self._kept.add(chunk)
        return bool(chunk)


class Feeder:
    """Writes a process its input, in a thread of its own, and ends that input."""

    def __init__(self, streams: Streams, pieces: Iterable[bytes], limit: TimeLimit) -> None:
        self._streams = streams
        self._pieces = pieces
        self._limit = limit
        self._wanted = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write no more; the process may have ended without reading all of it."""
        self._wanted = False
        self._thread.join(2 * _SLICE_S)

    def _run(self) -> None:
        # A command may close its input early, and a file may end before its time: what is missing
        # then is seen on the device.
        with suppress(OSError, ValueError, DeviceUnreachable):
            for piece in self._pieces:
                self._write(memoryview(piece))
        self._streams.close_stdin()

    def _write(self, rest: memoryview) -> None:
        while rest:
            if not self._wanted:
                raise BrokenPipeError
            with suppress(TimeoutError):
                written = self._streams.write_some(rest, _SLICE_S)
                self._limit.moved(written)
                rest = rest[written:]
