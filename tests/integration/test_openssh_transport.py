"""The openssh transport, which drives the system's ``ssh``, against real servers."""

from __future__ import annotations

import pytest

from latkit.devices.transport import Transport
from latkit.devices.transport.openssh import OpenSshTransport
from tests.conformance.transport import TransportConformance
from tests.integration.sshd import Sshd


def by_ssh(server: Sshd, **limits: float) -> OpenSshTransport:
    return OpenSshTransport(
        ["ssh", "-F", str(server.config), server.alias],
        label=f"{server.user}@{server.address}:{server.port}",
        command_timeout_s=limits.get("command_timeout_s", 30.0),
        connect_timeout_s=limits.get("connect_timeout_s", 10.0),
    )


@pytest.fixture(scope="module")
def with_sftp(sshd_server: Sshd):
    with by_ssh(sshd_server) as transport:
        yield transport


@pytest.fixture(scope="module")
def without_sftp(sshd_without_sftp: Sshd):
    with by_ssh(sshd_without_sftp) as transport:
        yield transport


class TestOpenSshTransport(TransportConformance):
    @pytest.fixture
    def transport(self, with_sftp: Transport):
        return with_sftp


class TestOpenSshTransportWithoutSftp(TransportConformance):
    @pytest.fixture
    def transport(self, without_sftp: Transport):
        return without_sftp
