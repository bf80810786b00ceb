"""The computer that latkit runs on as a device."""

from __future__ import annotations

import errno
import os
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from latkit.devices.transport.base import CommandResult, RemoteProcess, Transport
from latkit.devices.transport.process import LineProcess, Streams, complete, with_environment
from latkit.errors import RemoteCommandError
from latkit.files import replacing

_CHUNK_BYTES = 64 * 1024
_KILL_GRACE_S = 5.0
_WHERE = "this computer"


class LocalTransport(Transport):
    """Runs commands here. There is nothing to connect to."""

    def __enter__(self) -> LocalTransport:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    @property
    def description(self) -> str:
        return _WHERE

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        return complete(_LocalStreams(argv), stdin, timeout_s)

    def spawn(
        self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> RemoteProcess:
        return LineProcess(_LocalStreams(with_environment(argv, environment)))

    def upload(self, local: Path, remote: str) -> None:
        target = Path(remote)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as temporary:
                shutil.copyfile(local, temporary)
        except OSError as problem:
            raise _upload_refused(local, remote, problem) from None

    def exists(self, remote: str) -> bool:
        return Path(remote).is_file()

    def home(self) -> str:
        return str(Path.home())


def _upload_refused(local: Path, remote: str, problem: OSError) -> RemoteCommandError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return RemoteCommandError(
            f"the disk of {_WHERE} is full: {local.name} does not fit at {remote}",
            "free some space there, or point remote_dir in the profile at another disk",
        )
    return RemoteCommandError(f"cannot put {local} at {remote} on {_WHERE}: {problem.strerror}")


class _LocalStreams(Streams):
    def __init__(self, argv: Sequence[str]) -> None:
        self.label = f"{shlex.join(argv)[:200]!r} on {_WHERE}"
        # A session of its own: Ctrl-C in the terminal is for the host alone, which then has
        # the time to store what it knows. The shell makes a missing command exit status 127,
        # as it is over ssh.
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", 'exec "$@"', "sh", *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except (OSError, ValueError) as problem:
            raise RemoteCommandError(f"cannot start {self.label}: {problem}") from None
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._stderr = self._process.stderr
        os.set_blocking(self._stdin.fileno(), False)

    def write(self, content: bytes, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        rest = memoryview(content)
        while rest:
            if self._stdin.closed:
                raise BrokenPipeError
            _await(self._stdin.fileno(), select.POLLOUT, deadline - time.monotonic())
            rest = rest[self._stdin.write(rest) or 0 :]

    def close_stdin(self) -> None:
        with suppress(OSError):
            self._stdin.close()

    def read_stdout(self, timeout_s: float) -> bytes:
        if self._stdout.closed:
            return b""
        _await(self._stdout.fileno(), select.POLLIN, timeout_s)
        return self._stdout.read(_CHUNK_BYTES) or b""

    def read_stderr(self) -> bytes:
        chunk = self._stderr.read(_CHUNK_BYTES) or b""
        if not chunk:
            self._stderr.close()
        return chunk

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
