"""Fixtures for everything that needs a real SSH server or measures on this computer."""

from tests.integration.hostile_campaign import impatient, measure, models
from tests.integration.own_lease import local, usual_lease_is_not_ours
from tests.integration.ssh_doors import door
from tests.integration.sshd import (
    own_sshd,
    ssh_home,
    ssh_home_alone,
    sshd,
    sshd_server,
    sshd_without_sftp,
)

__all__ = [
    "door",
    "impatient",
    "local",
    "measure",
    "models",
    "own_sshd",
    "ssh_home",
    "ssh_home_alone",
    "sshd",
    "sshd_server",
    "sshd_without_sftp",
    "usual_lease_is_not_ours",
]
