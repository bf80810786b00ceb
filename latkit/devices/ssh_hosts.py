"""Hosts of the ssh configuration as devices: each is one at once, with the usual profile.

A configuration that cannot be read names none here; whoever connects is told what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from latkit.devices import ssh_config
from latkit.devices.profile_file import NAME
from latkit.errors import UsageError


def devices() -> set[str]:
    """The hosts that a device may be called after."""
    try:
        return {name for name in ssh_config.host_names() if re.fullmatch(NAME, name)}
    except UsageError:
        return set()


def is_device(name: str) -> bool:
    """Whether that is one of them, or is meant by a pattern as ``lab-*``."""
    return bool(re.fullmatch(NAME, name)) and _is_host(name)


def hint(name: str, known: Iterable[str]) -> str | None:
    """What to do where a name is none of the known devices, though ssh may know it."""
    if _is_host(name):
        device = re.sub(r"[^A-Za-z0-9_-]", "-", name).strip("-_")[:64] or "board"
        return f"a device cannot be called so: latkit device add {device} --host {name}"
    if re.fullmatch(NAME, name):
        listing = ", ".join(sorted(known))
        return f"known: {listing}; to describe it: latkit device add {name} --host ADDRESS"
    return None


def _is_host(name: str) -> bool:
    try:
        return ssh_config.names(name)
    except UsageError:
        return False
