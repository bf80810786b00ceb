"""A device reached by the system's ``ssh`` program."""

from __future__ import annotations

from collections.abc import Sequence

from latkit.devices.transport.child import ChildStreams
from latkit.devices.transport.link_errors import SessionRefused
from latkit.devices.transport.login_shell import Order
from latkit.devices.transport.openssh_master import Master
from latkit.devices.transport.remote import Connection, RemoteTransport
from latkit.devices.transport.shell_streams import ShellSession
from latkit.errors import LatkitError

_REFUSED = "session request failed"
_VERDICT_S = 1.0
# What ssh ends with where it fails itself; a command may, too.
_FAILED = 255


class OpenSshTransport(RemoteTransport):
    """Host keys are verified, whatever the ssh configuration says; nothing is ever asked.

    Args:
        login_command: the ssh command up to and including the host.
        label: ``user@host:port``, for messages.
        command_timeout_s: as of ``RemoteTransport``.
        connect_timeout_s: how long the server may take to answer.
    """

    def __init__(
        self,
        login_command: Sequence[str],
        *,
        label: str,
        command_timeout_s: float,
        connect_timeout_s: float,
    ) -> None:
        super().__init__(label, login_command, command_timeout_s=command_timeout_s)
        self._connect_timeout_s = connect_timeout_s

    def _connect(self) -> Connection:
        return open_connection(self._login_command, self._label, self._connect_timeout_s)


def open_connection(
    login_command: Sequence[str], label: str, connect_timeout_s: float
) -> Connection:
    """Log in by ``ssh``; raises DeviceUnreachable, HostKeyError, or SshMissing."""
    return _OpenSshConnection(Master(login_command, label, connect_timeout_s))


class _OpenSshConnection(Connection):
    def __init__(self, master: Master) -> None:
        self._master = master

    def session(self, order: Order, label: str) -> ShellSession:
        return _MasterSession(self._master, order.line, label)

    def close(self) -> None:
        self._master.close()


class _MasterSession(ChildStreams, ShellSession):
    """An ``ssh`` process whose session runs over a master's connection."""

    def __init__(self, master: Master, line: str, label: str) -> None:
        if not master.alive():
            raise master.failure()
        super().__init__(master.session_command(line), label, master.environment)
        self._master = master

    def write_some(self, content: bytes | memoryview, timeout_s: float) -> int:
        try:
            return super().write_some(content, timeout_s)
        except BrokenPipeError:
            if self._cut_short():
                raise self._master.failure() from None
            raise

    def read_stdout(self, timeout_s: float) -> bytes:
        chunk = super().read_stdout(timeout_s)
        if not chunk and self._cut_short():
            raise self._master.failure()
        return chunk

    def returncode(self) -> int:
        if self._cut_short():
            raise self._master.failure()
        return super().returncode()

    def refusal(self, said: str) -> LatkitError | None:
        if _REFUSED in said:
            return SessionRefused(self._master.label, said)
        return self._master.failure() if self._cut_short() else None

    def close(self) -> None:
        super().close()
        # What the command left behind would hold the session, and with it this process.
        if not self.wait(0.0):
            self.kill()

    def _cut_short(self) -> bool:
        """Whether it ended because the connection did."""
        return self.wait(_VERDICT_S) and super().returncode() == _FAILED and self._master.lost()
