"""Transports: how the host runs commands on a device and moves files there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latkit.devices.transport.base import CommandResult, RemoteProcess, Transport

if TYPE_CHECKING:
    from latkit.devices.profile import Profile

__all__ = ["CommandResult", "RemoteProcess", "Transport", "open_transport"]


def open_transport(profile: Profile) -> Transport:
    """The transport that a profile names; it connects when it is entered."""
    if profile.transport == "local":
        from latkit.devices.transport.local import LocalTransport

        return LocalTransport()
    from latkit.devices.transport.ssh_choice import choose

    return choose(profile)
