"""A device reached over ssh by paramiko."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from latkit.devices.transport import known_hosts
from latkit.devices.transport.link_errors import PeerBeyondParamiko, SshMissing
from latkit.devices.transport.login_shell import Order
from latkit.devices.transport.openssh import open_connection
from latkit.devices.transport.remote import Connection, RemoteTransport
from latkit.devices.transport.sftp import NoSftp, Sftp
from latkit.devices.transport.ssh_link import Link
from latkit.devices.transport.ssh_session import ChannelSession
from latkit.devices.transport.ssh_target import Target

log = logging.getLogger(__name__)

_OPEN_TIMEOUT_S = 5.0


class SshTransport(RemoteTransport):
    """Host keys are verified, nothing is ever asked.

    What paramiko cannot speak to is left to the system's ``ssh``, where there is one.
    """

    def __init__(self, target: Target, *, command_timeout_s: float = 30.0) -> None:
        super().__init__(target.label, target.login_command, command_timeout_s=command_timeout_s)
        self._target = target
        self._link: Link | None = None
        self._sftp: Sftp | None = None
        self._has_sftp = True

    def _connect(self) -> Connection:
        try:
            link = Link(self._target)
        except PeerBeyondParamiko as problem:
            return self._by_openssh(problem)
        self._link = link
        return _ParamikoConnection(link)

    def _by_openssh(self, problem: PeerBeyondParamiko) -> Connection:
        target = self._target
        log.info("%s by OpenSSH's client: %s", target.label, problem.message)
        try:
            with known_hosts.remedies(target):
                return open_connection(target.login_command, target.label, target.connect_timeout_s)
        except SshMissing:
            raise problem from None

    def _put(self, local: Path, remote: str) -> None:
        """Over SFTP, which is faster; by the shell where SFTP is not there or does not do it."""
        if self._link is not None and self._has_sftp:
            with suppress(NoSftp):
                return self._open_sftp(self._link).put(local, remote, self._command_timeout_s)
        return super()._put(local, remote)

    def _open_sftp(self, link: Link) -> Sftp:
        if self._sftp is None or not self._sftp.alive:
            self._has_sftp = False
            self._sftp = Sftp(link, min(_OPEN_TIMEOUT_S, self._command_timeout_s))
            self._has_sftp = True
        return self._sftp


class _ParamikoConnection(Connection):
    def __init__(self, link: Link) -> None:
        self._link = link

    def session(self, order: Order, label: str) -> ChannelSession:
        return ChannelSession(self._link, order.line, label)

    def close(self) -> None:
        self._link.close()
