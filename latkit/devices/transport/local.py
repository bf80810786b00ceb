"""The computer that latkit runs on as a device."""

from __future__ import annotations

import errno
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from latkit.devices.transport.base import CommandResult, RemoteProcess, Transport
from latkit.devices.transport.child import ChildStreams
from latkit.devices.transport.process import LineProcess, complete, with_environment
from latkit.errors import RemoteCommandError
from latkit.files import replacing

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
        return complete(_started(argv), stdin, timeout_s)

    def spawn(
        self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> RemoteProcess:
        return LineProcess(_started(with_environment(argv, environment)))

    def upload(self, local: Path, remote: str) -> None:
        target = Path(remote)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as temporary:
                shutil.copyfile(local, temporary)
        except OSError as problem:
            raise _upload_refused(local, remote, problem) from None

    def exists(self, remote: str) -> bool:
        try:
            return Path(remote).is_file()
        except (OSError, ValueError):  # no file can have such a name
            return False

    def home(self) -> str:
        return str(Path.home())


def _upload_refused(local: Path, remote: str, problem: OSError) -> RemoteCommandError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return RemoteCommandError(
            f"the disk of {_WHERE} is full: {local.name} does not fit at {remote}",
            "free some space there, or point remote_dir in the profile at another disk",
        )
    return RemoteCommandError(f"cannot put {local} at {remote} on {_WHERE}: {problem.strerror}")


def _started(argv: Sequence[str]) -> ChildStreams:
    # The shell makes a missing command exit status 127, as it is over ssh.
    label = f"{shlex.join(argv)[:200]!r} on {_WHERE}"
    return ChildStreams(["/bin/sh", "-c", 'exec "$@"', "sh", *argv], label)
