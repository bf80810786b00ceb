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
from contextlib import ExitStack
from datetime import datetime, timezone
from types import TracebackType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from latkit.devices import held
from latkit.devices.deploy import Deployed
from latkit.errors import LatkitError, RemoteCommandError

_ANSWER_TIMEOUT_S = 30.0


class DeviceBusyError(LatkitError):
    """Somebody else is measuring on the device; the message says who, and since when."""


class _Answer(BaseModel):
    """What ``lease_holder.py`` says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Literal["held", "busy", "failed"]
    holder: str = ""
    reason: str = ""


class Lease:
    """Context manager that holds a device.

    Args:
        deployed: latkit's programs there. Leases for the same ``remote_dir`` of a profile exclude
            one another, also between users, where it is under each one's home.
        wait_s: how long to wait for another holder to finish.

    Raises DeviceBusyError, or RemoteCommandError where the holding process cannot run.
    """

    def __init__(self, deployed: Deployed, *, wait_s: float = 0.0) -> None:
        self._deployed = deployed
        self._transport = deployed.transport
        self._wait_s = wait_s
        self._program: held.Held | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Lease:
        program = held.Held(self._transport, self._command(), "leased")
        with ExitStack() as opening:
            opening.enter_context(program)
            self._require_held(program.answer(_Answer, self._wait_s + _ANSWER_TIMEOUT_S))
            self._stack = opening.pop_all()
        self._program = program
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def require(self) -> None:
        """Raises LatkitError where the lease was lost, e.g. because this computer slept.

        Raises DeviceUnreachable where the link was.
        """
        if self._program is None:
            raise LatkitError(f"the lease of {self._transport.description} is not held")
        said = self._program.last_word(0.0)
        if said is None:
            return
        raise LatkitError(
            f"the lease of {self._transport.description} was lost"
            + (f": {said[:200]!r}" if said else ""),
            "others may have used the device meanwhile; run the command again to go on",
        )

    def _command(self) -> list[str]:
        holder = json.dumps(_who(), ensure_ascii=True)
        limits = [f"{self._wait_s:g}", f"{held.SILENCE_LIMIT_S:g}"]
        return self._deployed.words("lease_holder.py", self._name(), holder, *limits)

    def _name(self) -> str:
        """The same for every user whose folder is at the same place in the own home."""
        folder = posixpath.normpath(self._transport.expand(self._deployed.profile.remote_dir))
        home = self._transport.home().rstrip("/") + "/"
        place = "~/" + folder[len(home) :] if folder.startswith(home) else folder
        return "latkit-lease-" + hashlib.sha256(place.encode()).hexdigest()[:32]

    def _require_held(self, answer: _Answer) -> None:
        where = self._transport.description
        if answer.state == "busy":
            raise DeviceBusyError(f"{where} is in use by {_described(answer.holder)}", _BUSY_HINT)
        if answer.state == "failed":
            raise RemoteCommandError(
                f"{where} cannot be leased: {answer.reason[:300]}", "leases need Linux"
            )


_BUSY_HINT = (
    "wait until it has finished, or pass --wait SECONDS; if it is not running any more, the device "
    f"is free within {held.SILENCE_LIMIT_S:g} s"
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


def _described(holder: str) -> str:
    """In words, whatever the holder's process sent: it may be another version, or no latkit."""
    try:
        said = json.loads(holder)
        return (
            f"{said['user']}@{said['host']} since {said['since']} "
            f"(process {said['pid']}: {said['command']})"
        )[:500]
    except (ValueError, KeyError, TypeError):
        return "somebody who does not say who"
