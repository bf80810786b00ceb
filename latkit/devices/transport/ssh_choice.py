"""Which of the two ssh transports reaches a device: paramiko's, or where that cannot, OpenSSH's."""

from __future__ import annotations

import logging
import shlex
from types import TracebackType

from latkit.devices.profile import Profile
from latkit.devices.transport.base import Transport
from latkit.devices.transport.known_hosts import file_setting
from latkit.devices.transport.ssh import SshTransport
from latkit.devices.transport.ssh_connect import NothingInCommon
from latkit.devices.transport.ssh_obstacles import obstacle
from latkit.devices.transport.ssh_options import program
from latkit.devices.transport.ssh_target import Target, resolve
from latkit.errors import DeviceUnreachable, HostKeyError, UsageError

_ASKING_NOTHING = {"BatchMode": "yes", "StrictHostKeyChecking": "yes", "UpdateHostKeys": "no"}

log = logging.getLogger(__name__)


def choose(profile: Profile) -> Transport:
    """The transport for a device; raises UsageError where it needs an ssh program and has none."""
    target = resolve(profile)
    if profile.transport == "openssh":
        return _openssh(profile, target, "its profile has transport = 'openssh'")
    reason = obstacle(target)
    if reason is None:
        return PreferredSshTransport(profile, target)
    return _openssh(profile, target, reason)


class PreferredSshTransport(SshTransport):
    """Paramiko's, which gives way to OpenSSH's where the server shares no algorithm with it."""

    def __init__(self, profile: Profile, target: Target) -> None:
        super().__init__(target, command_timeout_s=profile.command_timeout_s)
        self._profile = profile
        self._instead: Transport | None = None

    def __enter__(self) -> Transport:
        try:
            return super().__enter__()
        except NothingInCommon as lacking:
            if program() is None:
                raise
            return self._give_way(lacking)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, problem, trace)
        if self._instead is not None:
            self._instead.__exit__(kind, problem, trace)

    def _give_way(self, lacking: NothingInCommon) -> Transport:
        instead = _openssh(self._profile, self._target, lacking.message)
        try:
            entered = instead.__enter__()
        except HostKeyError:
            raise
        except DeviceUnreachable as problem:
            raise DeviceUnreachable(
                f"{lacking.message}; nor has OpenSSH's client: {problem.message}", problem.hint
            ) from None
        self._instead = instead
        return entered


def _openssh(profile: Profile, target: Target, reason: str) -> Transport:
    log.info("%s: by OpenSSH's client, because %s", profile.name, reason)
    if program() is None:
        raise UsageError(
            f"device {profile.name!r} needs OpenSSH's client, which is not installed: {reason}",
            "apt-get install openssh-client, or what your system calls it",
        )
    from latkit.devices.transport.openssh import (  # type: ignore[import-untyped,unused-ignore]
        OpenSshTransport,
    )

    made: Transport = OpenSshTransport(
        asking_nothing(target),
        label=target.label,
        command_timeout_s=profile.command_timeout_s,
        connect_timeout_s=target.connect_timeout_s,
    )
    return made


def asking_nothing(target: Target) -> list[str]:
    """The ssh command that reaches a server and verifies the host keys of all on the way.

    The jump hosts are named one by one, because ``-J`` would use none of these options for them.
    """
    settings = {**_ASKING_NOTHING, "UserKnownHostsFile": _all_known_hosts(target)}
    if target.via is not None:
        *words, jump = asking_nothing(target.via)
        tunnel = shlex.join(word.replace("%", "%%") for word in words)
        settings["ProxyCommand"] = f"{tunnel} -W '[%h]:%p' {shlex.quote(jump)}"
    elif target.options.one("proxyjump"):  # a jump host to which its own `Host *` section applies
        settings["ProxyJump"] = "none"
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    *login, host = target.login.directly.command
    return [*login, *options, host]


def _all_known_hosts(target: Target) -> str:
    return " ".join(map(file_setting, target.known_hosts))
