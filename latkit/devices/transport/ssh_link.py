"""One logged-in ssh connection of paramiko's, and whether it still lives."""

from __future__ import annotations

from contextlib import ExitStack

import paramiko

from latkit.devices.transport.link_errors import SessionRefused, link_lost
from latkit.devices.transport.ssh_channel import orderly
from latkit.devices.transport.ssh_connect import connect
from latkit.devices.transport.ssh_heart import heart
from latkit.devices.transport.ssh_target import Target
from latkit.errors import DeviceUnreachable

# Between the loss of a channel and paramiko's word that the whole connection is gone.
_VERDICT_S = 1.0

# What paramiko raises where a connection, a channel or a transfer fails.
FAILURES = (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError)


class Link:
    """One connection; commands and transfers open their channels on it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._held = ExitStack()
        self._cause: BaseException | None = None
        with ExitStack() as opening:
            self._transport = connect(target, opening)
            self._silent = opening.enter_context(heart(self._transport))
            self._held = opening.pop_all()

    @property
    def description(self) -> str:
        return self.target.label

    def close(self) -> None:
        """End everything that runs over it."""
        self._held.close()

    def open_channel(self) -> paramiko.Channel:
        """A new session; raises DeviceUnreachable, or SessionRefused."""
        try:
            return orderly(self._transport.open_session())
        except paramiko.ChannelException as problem:
            raise SessionRefused(self.description, problem.text) from None
        except FAILURES as problem:
            raise self.failure(problem) from None

    def abort(self) -> None:
        """End it at once, though somebody may be stuck in writing to it."""
        self._transport.close()

    def lost(self) -> bool:
        """Whether a failure just seen was the end of the whole connection."""
        if self._transport.is_active():
            self._transport.join(_VERDICT_S)
        return not self._transport.is_active()

    def active(self) -> bool:
        """Whether the connection is up as far as is known at this moment."""
        return bool(self._transport.is_active())

    def failure(self, seen: BaseException | None = None) -> DeviceUnreachable:
        """What to raise for a lost connection; paramiko tells what ended it only once."""
        self._cause = self._cause or self._transport.get_exception() or seen
        return link_lost(self.description, "no answer" if self._silent.is_set() else self._reason())

    def _reason(self) -> str:
        if isinstance(self._cause, EOFError):
            return "closed by the other end"
        return getattr(self._cause, "strerror", None) or str(self._cause or "")
