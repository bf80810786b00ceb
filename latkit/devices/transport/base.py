"""The contract of a transport: how the host runs commands on a device and moves files there.

Arguments travel as lists and are quoted by the transport; no shell string is ever composed
from a device name, a path or anything a device said.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

Self = TypeVar("Self", bound="Transport")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a finished command ended; both streams are cut at the transport's output limit."""

    returncode: int
    stdout: str
    stderr: str


class RemoteProcess(ABC):
    """A long-lived process on the device that speaks lines on its standard streams."""

    @abstractmethod
    def send(self, line: bytes) -> None:
        """Write one line; raises DeviceUnreachable or RunnerError where nobody reads it."""

    @abstractmethod
    def receive(self, timeout_s: float, max_bytes: int) -> bytes | None:
        """Next line without its newline; None once the process closed its output.

        Raises TimeoutError when none came in ``timeout_s``, RunnerError when the line is longer
        than ``max_bytes``, DeviceUnreachable when the link died.
        """

    @abstractmethod
    def stderr_tail(self) -> str:
        """The last few kilobytes that the process wrote to its standard error."""

    @abstractmethod
    def close(self) -> int | None:
        """Close its standard input, wait briefly, end it; its exit status if it is known."""


class Transport(ABC):
    """A connection to one device; a context manager that connects on entering."""

    @abstractmethod
    def __enter__(self: Self) -> Self: ...

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    @abstractmethod
    def description(self) -> str:
        """Where this leads, for messages: ``this computer`` or ``pi@10.0.0.7:22``."""

    @abstractmethod
    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        """Run a command to its end; raises RemoteCommandError past the time limit."""

    @abstractmethod
    def spawn(
        self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> RemoteProcess:
        """Start a process that stays and speaks lines."""

    @abstractmethod
    def upload(self, local: Path, remote: str) -> None:
        """Put a file at an absolute path, through a temporary name; parents are created.

        Raises RemoteCommandError saying so when the device's disk is full or refuses.
        """

    @abstractmethod
    def exists(self, remote: str) -> bool:
        """Whether a regular file is there."""

    @abstractmethod
    def home(self) -> str:
        """Absolute path of the user's home directory on the device."""

    def expand(self, path: str) -> str:
        """The path with a leading ``~`` replaced by the home directory on the device."""
        if path != "~" and not path.startswith("~/"):
            return path
        return self.home().rstrip("/") + path[1:]
