"""What running a process has in common on every transport: bounded output, lines, time limits."""

from __future__ import annotations

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from latkit.devices.transport.base import CommandResult, RemoteProcess
from latkit.errors import DeviceUnreachable, RemoteCommandError, RunnerError

OUTPUT_LIMIT_BYTES = 1024 * 1024
STDERR_TAIL_BYTES = 8 * 1024
SEND_TIMEOUT_S = 30.0
CLOSE_GRACE_S = 5.0
QUIET_S = 1.0


def with_environment(argv: Sequence[str], environment: Mapping[str, str] | None) -> list[str]:
    """The command with variables set in front of it, for a device that has only ``env``."""
    settings = [f"{name}={value}" for name, value in (environment or {}).items()]
    return ["env", *settings, *argv] if settings else list(argv)


class Streams(ABC):
    """A started process as a transport sees it: its three streams and its end.

    Attributes:
        label: the command and where it runs, for messages.
    """

    label: str

    @abstractmethod
    def write(self, content: bytes, timeout_s: float) -> None:
        """Write all.

        Raises TimeoutError, BrokenPipeError where nobody reads any more, or DeviceUnreachable.
        """

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
    def wait(self, timeout_s: float) -> bool:
        """Whether the process ended in time."""

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
    """Reads a stream to its end in a thread of its own, so that it never holds a process up."""

    def __init__(self, read: Callable[[], bytes], kept: Kept) -> None:
        self._read = read
        self._kept = kept
        self._chunks = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def text(self) -> str:
        return self._kept.text()

    def settle(self) -> None:
        """Wait for the stream's end, or until a process left behind keeps it open in silence."""
        seen = -1
        while self._thread.is_alive() and seen != self._chunks:
            seen = self._chunks
            self._thread.join(QUIET_S)

    def _run(self) -> None:
        while True:
            try:
                chunk = self._read()
            except TimeoutError:
                continue
            except (OSError, DeviceUnreachable):
                return
            if not chunk:
                return
            self._chunks += 1
            self._kept.add(chunk)


def complete(streams: Streams, stdin: bytes, timeout_s: float) -> CommandResult:
    """Feed a process its input and collect what it says until it ends.

    Raises RemoteCommandError past the time limit, after which the process is gone.
    """
    deadline = time.monotonic() + timeout_s
    errors = Drain(streams.read_stderr, Kept(OUTPUT_LIMIT_BYTES))
    feeder = threading.Thread(target=_feed, args=(streams, stdin, timeout_s), daemon=True)
    feeder.start()
    try:
        output = _read_until_end(streams, deadline)
        returncode = streams.returncode()
        errors.settle()
        return CommandResult(returncode, output, errors.text())
    except TimeoutError:
        streams.kill()
        raise RemoteCommandError(
            f"{streams.label} did not end within {timeout_s:g} s",
            "is the device busy? if it is merely slow, raise command_timeout_s in its profile",
        ) from None
    except BaseException:
        streams.kill()
        raise
    finally:
        feeder.join()
        streams.close()


def _feed(streams: Streams, stdin: bytes, timeout_s: float) -> None:
    # A command may end, or close its input, without reading all of it.
    with contextlib.suppress(BrokenPipeError, TimeoutError, DeviceUnreachable):
        streams.write(stdin, timeout_s)
    streams.close_stdin()


def _read_until_end(streams: Streams, deadline: float) -> str:
    kept = Kept(OUTPUT_LIMIT_BYTES)
    while (left := deadline - time.monotonic()) > 0:
        try:
            chunk = streams.read_stdout(min(left, QUIET_S))
        except TimeoutError:
            # It has ended, but a process that it left behind keeps its output open.
            if streams.wait(0.0):
                return kept.text()
            continue
        kept.add(chunk)
        if not chunk and streams.wait(left):
            return kept.text()
    raise TimeoutError


class LineProcess(RemoteProcess):
    """A RemoteProcess over any transport's streams.

    Standard output is read only when a line is asked for, so that a device that floods it is
    held up by flow control; standard error is always read, and only its tail is kept.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._unread = bytearray()
        self._errors = Drain(streams.read_stderr, Kept(STDERR_TAIL_BYTES, tail=True))
        self._closed = False

    def send(self, line: bytes) -> None:
        try:
            self._streams.write(line + b"\n", SEND_TIMEOUT_S)
        except TimeoutError:
            raise RunnerError(f"{self._streams.label} does not read its input") from None
        except BrokenPipeError:
            self._errors.settle()
            last_words = self.stderr_tail().strip().splitlines()[-1:]
            said = f": {last_words[0][:300]}" if last_words else ""
            raise RunnerError(f"{self._streams.label} has ended{said}") from None

    def receive(self, timeout_s: float, max_bytes: int) -> bytes | None:
        deadline = time.monotonic() + timeout_s
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            self._refuse_longer(searched, max_bytes)
            chunk = self._streams.read_stdout(max(0.0, deadline - time.monotonic()))
            if not chunk:
                return None  # an unfinished last line is no line
            self._unread += chunk
        self._refuse_longer(end, max_bytes)
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line

    def _refuse_longer(self, length: int, max_bytes: int) -> None:
        if length > max_bytes:
            raise RunnerError(f"{self._streams.label} sent a line of more than {max_bytes} bytes")

    def stderr_tail(self) -> str:
        return self._errors.text()

    def close(self) -> int | None:
        if not self._closed:
            self._closed = True
            self._streams.close_stdin()
            if self._streams.wait(CLOSE_GRACE_S):
                self._errors.settle()
            else:
                self._streams.kill()
                self._streams.wait(CLOSE_GRACE_S)
            self._streams.close()
        return self._final_status()

    def _final_status(self) -> int | None:
        if not self._streams.wait(0.0):
            return None
        try:
            return self._streams.returncode()
        except DeviceUnreachable:
            return None
