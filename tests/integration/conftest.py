"""Fixtures for everything that needs a real SSH server."""

from tests.integration.sshd import ssh_home, sshd, sshd_server

__all__ = ["ssh_home", "sshd", "sshd_server"]
