"""Fixtures for everything that needs a real SSH server or measures on this computer."""

from tests.integration.own_lease import local, usual_lease_is_not_ours
from tests.integration.sshd import ssh_home, sshd, sshd_server

__all__ = ["local", "ssh_home", "sshd", "sshd_server", "usual_lease_is_not_ours"]
