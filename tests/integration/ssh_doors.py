"""Both ways to a server of the tests': by paramiko and by the system's ``ssh``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from latkit.devices.profile import create
from latkit.devices.transport import Transport
from latkit.devices.transport.openssh import OpenSshTransport
from latkit.devices.transport.ssh import SshTransport
from latkit.devices.transport.ssh_target import resolve
from tests.integration.sshd import Sshd

Door = Callable[..., Transport]


def by_paramiko(server: Sshd, *, command_timeout_s: float = 30.0, connect_timeout_s: float = 10.0):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        profile = create({"name": server.alias, "connect_timeout_s": connect_timeout_s})
        return SshTransport(resolve(profile), command_timeout_s=command_timeout_s)


def by_ssh(server: Sshd, *, command_timeout_s: float = 30.0, connect_timeout_s: float = 10.0):
    return OpenSshTransport(
        ["ssh", "-F", str(server.config), server.alias],
        label=f"{server.user}@{server.address}:{server.port}",
        command_timeout_s=command_timeout_s,
        connect_timeout_s=connect_timeout_s,
    )


DOORS = {"paramiko": by_paramiko, "openssh": by_ssh}


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, ssh_home: object) -> Door:
    """One way and the other."""
    return DOORS[request.param]
