"""Programs of latkit's own on a device, put there once for each of their versions."""

from __future__ import annotations

import hashlib
import posixpath

from latkit.devices.target import program
from latkit.devices.transport.base import Transport


def placed(transport: Transport, directory: str, name: str) -> str:
    """Path on the device of one of the target's programs, uploaded unless it is there.

    Args:
        transport: connected to the device.
        directory: latkit's folder there, as the profile names it or expanded.
        name: e.g. ``lease_holder.py``.
    """
    file = program(name)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    folder = transport.expand(directory)
    remote = posixpath.join(folder, f"{file.stem}-{digest}{file.suffix}")
    if not transport.exists(remote):
        transport.upload(file, remote)
    return remote
