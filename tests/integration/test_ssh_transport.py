"""The ssh transport against a real OpenSSH server."""

from __future__ import annotations

import pytest

from latkit.devices.transport import Transport
from tests.conformance.transport import TransportConformance
from tests.integration.sshd import Sshd, board


@pytest.fixture(scope="module")
def connected(sshd_server: Sshd):
    """One connection for all: a test that leaves a session open would soon exhaust it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATKIT_SSH_CONFIG", str(sshd_server.config))
        with board() as transport:
            yield transport


@pytest.fixture
def transport(connected: Transport, sshd: Sshd):
    return connected


@pytest.fixture(scope="module")
def without_sftp(sshd_without_sftp: Sshd):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATKIT_SSH_CONFIG", str(sshd_without_sftp.config))
        with board() as transport:
            yield transport


class TestSshTransport(TransportConformance):
    pass


class TestSshTransportWithoutSftp(TransportConformance):
    @pytest.fixture
    def transport(self, without_sftp: Transport):
        return without_sftp


def test_the_description_is_where_it_leads(transport: Transport, sshd: Sshd):
    assert transport.description == f"{sshd.user}@127.0.0.1:{sshd.port}"
