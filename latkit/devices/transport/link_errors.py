"""What a connection to a device can come to, whichever program holds it."""

from __future__ import annotations

from latkit.errors import DeviceUnreachable, RemoteCommandError


class SessionRefused(RemoteCommandError):
    """The server bears no more sessions on this connection; another connection has its own."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"{where} refuses another session: {said}",
            "set MaxSessions in its sshd_config to 4 or more, which is how many it bears on one "
            "connection, and restart sshd",
        )


class PeerBeyondParamiko(DeviceUnreachable):
    """The server demands what paramiko does not know, and the system's ssh may."""


class SshMissing(DeviceUnreachable):
    """There is no ``ssh`` program on this computer."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"the device must be reached by the program {program!r}, which is not here",
            "install OpenSSH's client on this computer: apt-get install openssh-client",
        )


def link_lost(where: str, reason: str = "") -> DeviceUnreachable:
    """What to raise for a lost connection."""
    return DeviceUnreachable(
        f"the link to {where} was lost" + (f": {reason}" if reason else ""),
        "is the device still switched on and in the network? once it is, run the command again",
    )
