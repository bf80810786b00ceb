"""What running a process has in common on every transport: bounded output, lines, time limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from latkit.devices.transport.base import CommandResult, RemoteProcess
from latkit.devices.transport.streams import Drain, Feeder, Kept, Streams
from latkit.devices.transport.time_limit import TimeLimit
from latkit.errors import DeviceUnreachable, RemoteCommandError, RunnerError

OUTPUT_LIMIT_BYTES = 1024 * 1024
STDERR_TAIL_BYTES = 8 * 1024
SEND_TIMEOUT_S = 30.0
CLOSE_GRACE_S = 5.0
QUIET_S = 1.0
SETTLE_LIMIT_S = 5.0


def with_environment(argv: Sequence[str], environment: Mapping[str, str] | None) -> list[str]:
    """The command with variables set in front of it, for a device that has only ``env``."""
    settings = [f"{name}={value}" for name, value in (environment or {}).items()]
    return ["env", *settings, *argv] if settings else list(argv)


def complete(streams: Streams, stdin: bytes, timeout_s: float) -> CommandResult:
    """Feed a process its input and collect what it says until it ends.

    Raises RemoteCommandError past the time limit, after which the process is gone.
    """
    try:
        return collect(streams, [stdin], TimeLimit(timeout_s))
    except TimeoutError:
        raise RemoteCommandError(
            f"{streams.label} did not end within {timeout_s:g} s",
            "is the device busy? if it is merely slow, raise command_timeout_s in its profile",
        ) from None


def collect(streams: Streams, stdin: Iterable[bytes], limit: TimeLimit) -> CommandResult:
    """As ``complete``, for input in pieces, which may push the limit ahead; raises TimeoutError."""
    errors = Drain(streams, Kept(OUTPUT_LIMIT_BYTES))
    feeder = Feeder(streams, stdin, limit)
    try:
        output = _read_until_end(streams, limit)
        returncode = streams.returncode()
        errors.settle(QUIET_S, SETTLE_LIMIT_S)
        return CommandResult(returncode, output, errors.text())
    except BaseException:
        streams.kill()
        raise
    finally:
        errors.stop()
        feeder.stop()
        streams.close()


def _read_until_end(streams: Streams, limit: TimeLimit) -> str:
    kept = Kept(OUTPUT_LIMIT_BYTES)
    while left_s := limit.left_s():
        try:
            chunk = streams.read_stdout(min(left_s, QUIET_S))
        except TimeoutError:
            # It has ended, but a process that it left behind keeps its output open.
            if streams.wait(0.0):
                break
            continue
        kept.add(chunk)
        if not chunk and _ends(streams, limit):
            break
    # What it left behind may also talk without end.
    if not streams.wait(0.0):
        raise TimeoutError
    return kept.text()


def _ends(streams: Streams, limit: TimeLimit) -> bool:
    """Whether it ends before the limit, which its input may still push ahead."""
    while left_s := limit.left_s():
        if streams.wait(min(left_s, QUIET_S)):
            return True
    return False


class LineProcess(RemoteProcess):
    """A RemoteProcess over any transport's streams.

    Standard output is read only when a line is asked for, so that a device that floods it is
    held up by flow control; standard error is always read, and only its tail is kept.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._unread = bytearray()
        self._errors = Drain(streams, Kept(STDERR_TAIL_BYTES, tail=True))
        self._closed = False

    def send(self, line: bytes) -> None:
        try:
            self._streams.write(line + b"\n", SEND_TIMEOUT_S)
        except TimeoutError:
            raise RunnerError(f"{self._streams.label} does not read its input") from None
        except BrokenPipeError:
            self._errors.settle(QUIET_S, SETTLE_LIMIT_S)
            last_words = self.stderr_tail().strip().splitlines()[-1:]
            said = f": {last_words[0][:300]}" if last_words else ""
            raise RunnerError(f"{self._streams.label} has ended{said}") from None

    def receive(self, timeout_s: float, max_bytes: int) -> bytes | None:
        limit = TimeLimit(timeout_s)
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            self._refuse_longer(searched, max_bytes)
            chunk = self._streams.read_stdout(limit.left_s())
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
            if not self._streams.wait(CLOSE_GRACE_S):
                self._streams.kill()
                self._streams.wait(CLOSE_GRACE_S)
            self._errors.settle(QUIET_S, SETTLE_LIMIT_S)
            self._errors.stop()
            self._streams.close()
        return self._final_status()

    def _final_status(self) -> int | None:
        if not self._streams.wait(0.0):
            return None
        try:
            return self._streams.returncode()
        except DeviceUnreachable:
            return None
