"""Which of the two ssh transports reaches a device: paramiko's, or where that cannot, OpenSSH's."""

from __future__ import annotations

import logging

from latkit.devices.profile import Profile
from latkit.devices.transport import known_hosts
from latkit.devices.transport.base import Transport
from latkit.devices.transport.openssh import OpenSshTransport
from latkit.devices.transport.remote import Connection
from latkit.devices.transport.ssh import SshTransport
from latkit.devices.transport.ssh_obstacles import obstacle
from latkit.devices.transport.ssh_options import program
from latkit.devices.transport.ssh_target import Target, resolve
from latkit.errors import UsageError

log = logging.getLogger(__name__)


def choose(profile: Profile) -> Transport:
    """The transport for a device; raises UsageError where it needs an ssh program and has none."""
    target = resolve(profile)
    if profile.transport == "openssh":
        return _openssh(profile, target, "its profile has transport = 'openssh'")
    reason = obstacle(target)
    if reason is not None:
        return _openssh(profile, target, reason)
    log.info("%s: %s by paramiko", profile.name, target.label)
    return SshTransport(target, command_timeout_s=profile.command_timeout_s)


def _openssh(profile: Profile, target: Target, reason: str) -> Transport:
    log.info("%s: %s by OpenSSH's client: %s", profile.name, target.label, reason)
    if program() is None:
        raise UsageError(
            f"device {profile.name!r} needs OpenSSH's client, which is not installed: {reason}",
            "apt-get install openssh-client, or what your system calls it",
        )
    return _OpenSshTransport(profile, target)


class _OpenSshTransport(OpenSshTransport):
    def __init__(self, profile: Profile, target: Target) -> None:
        super().__init__(
            target.login_command,
            label=target.label,
            command_timeout_s=profile.command_timeout_s,
            connect_timeout_s=target.connect_timeout_s,
        )
        self._target = target

    def _connect(self) -> Connection:
        with known_hosts.remedies(self._target):
            return super()._connect()
