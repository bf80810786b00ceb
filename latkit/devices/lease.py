"""Exclusive use of a device, so that two campaigns never disturb each other.

The lease is held by a small process on the device. It ends when that process loses its
standard input, or has heard nothing for a while: whatever becomes of the holder, the device is
free again within a minute.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import posixpath
import shlex
import socket
import sys
import threading
from contextlib import suppress
from datetime import datetime, timezone
from types import TracebackType
from typing import Any

from latkit.devices.placed import placed
from latkit.devices.transport.base import RemoteProcess, Transport
from latkit.errors import LatkitError, RemoteCommandError, RunnerError

HEARTBEAT_S = 10.0
SILENCE_LIMIT_S = 60.0
_ANSWER_TIMEOUT_S = 30.0
_HEART_STOP_S = 1.0
_MAX_ANSWER_BYTES = 16 * 1024


class DeviceBusyError(LatkitError):
    """Somebody else is measuring on the device; the message says who, and since when."""


class Lease:
    """Context manager that holds a device.

    Args:
        transport: connected to the device.
        directory: latkit's folder there, as the profile names it or expanded. Leases for the
            same folder exclude one another, also between users, where it is under each one's
            home.
        python: the Python to use there.
        wait_s: how long to wait for another holder to finish.

    Raises DeviceBusyError, or RemoteCommandError where the holding process cannot run.
    """

    def __init__(
        self,
        transport: Transport,
        directory: str,
        *,
        python: str = "python3",
        wait_s: float = 0.0,
    ) -> None:
        self._transport = transport
        self._directory = directory
        self._python = python
        self._wait_s = wait_s
        self._process: RemoteProcess | None = None
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None

    def __enter__(self) -> Lease:
        process = self._transport.spawn(self._command())
        try:
            self._require_held(process)
        except BaseException:
            process.close()
            raise
        self._process = process
        self._heart = threading.Thread(target=self._beat, args=(process,), daemon=True)
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._heart is not None:
            self._heart.join(_HEART_STOP_S)
        if self._process is not None:
            self._process.close()

    def require(self) -> None:
        """Raises LatkitError where the lease was lost, e.g. because this computer slept.

        Raises DeviceUnreachable where the link was.
        """
        if self._process is None:
            raise LatkitError(f"the lease of {self._transport.description} is not held")
        try:
            said = self._process.receive(0.0, _MAX_ANSWER_BYTES)
        except TimeoutError:
            return
        raise LatkitError(
            f"the lease of {self._transport.description} was lost"
            + (f": {said[:200]!r}" if said else ""),
            "others may have used the device meanwhile; run the command again to go on",
        )

    def _command(self) -> list[str]:
        holder = json.dumps(_who(), ensure_ascii=True)
        limits = [f"{self._wait_s:g}", f"{SILENCE_LIMIT_S:g}"]
        python = self._transport.expand(self._python)
        file = placed(self._transport, self._directory, "lease_holder.py")
        return [python, file, self._name(), holder, *limits]

    def _name(self) -> str:
        """The same for every user whose folder is at the same place in the own home."""
        folder = posixpath.normpath(self._transport.expand(self._directory))
        home = self._transport.home().rstrip("/") + "/"
        place = "~/" + folder[len(home) :] if folder.startswith(home) else folder
        return "latkit-lease-" + hashlib.sha256(place.encode()).hexdigest()[:32]

    def _require_held(self, process: RemoteProcess) -> None:
        where = self._transport.description
        answer = self._answer(process)
        if answer.get("state") == "busy":
            raise DeviceBusyError(
                f"{where} is in use by {_described(answer.get('holder'))}", _BUSY_HINT
            )
        if answer.get("state") != "held":
            reason = str(answer.get("reason"))[:300]
            raise RemoteCommandError(f"{where} cannot be leased: {reason}", "leases need Linux")

    def _answer(self, process: RemoteProcess) -> dict[str, Any]:
        try:
            line = process.receive(self._wait_s + _ANSWER_TIMEOUT_S, _MAX_ANSWER_BYTES)
            answer = json.loads(line or b"")
        except (TimeoutError, ValueError, RunnerError):
            answer = None
        if isinstance(answer, dict):
            return answer
        process.close()
        raise RemoteCommandError(
            f"{self._transport.description} cannot be leased: {self._python} ended with "
            f"{process.stderr_tail().strip()[-300:] or 'no message'}",
            "is Python 3.8 or newer there? `latkit device check` tells",
        )

    def _beat(self, process: RemoteProcess) -> None:
        # A lease that cannot be renewed is noticed by require(), or by the next use of the link.
        with suppress(LatkitError):
            while not self._ended.wait(HEARTBEAT_S):
                process.send(b"")


_BUSY_HINT = (
    "wait until it has finished, or pass --wait; if it is not running any more, the device is "
    f"free within {SILENCE_LIMIT_S:g} s"
)


def _who() -> dict[str, str | int]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    command = [posixpath.basename(sys.argv[0]), *sys.argv[1:]]
    return {
        "user": user,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": shlex.join(command)[:200],
        "since": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
    }


def _described(holder: object) -> str:
    """In words, whatever the holder's process sent: it may be another version, or no latkit."""
    try:
        said = json.loads(str(holder))
        return (
            f"{said['user']}@{said['host']} since {said['since']} "
            f"(process {said['pid']}: {said['command']})"
        )[:500]
    except (ValueError, KeyError, TypeError):
        return "somebody who does not say who"
