"""Whether a device is fit to be measured, before anything is timed on it."""

from __future__ import annotations

import time
from collections.abc import Callable

from latkit.devices.deploy import Deployed
from latkit.errors import LatkitError
from latkit.protocol import DeviceState, parse_state

POLL_S = 5.0
REMEDY = "cool it, or give it a stronger power supply"
"""Of a device that slows itself down."""


class DeviceNotReadyError(LatkitError):
    """Something slows the device down; whatever was measured now would be invalid."""


def read_state(deployed: Deployed) -> DeviceState:
    """One reading of a device; raises RunnerError where nonsense comes."""
    return parse_state(deployed.run("state.py").stdout.strip().encode())


def wait_until_ready(
    read: Callable[[], DeviceState],
    where: str,
    wait_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return once nothing that can be read slows the device down.

    A busy device is no reason to wait: one that many share is never idle, and what is disturbed
    is found out block by block.

    Raises DeviceNotReadyError where it is slowed down for longer than ``wait_s``.
    """
    waited_s = 0.0
    while limits := read().limits:
        if waited_s + POLL_S > wait_s:
            raise DeviceNotReadyError(
                f"{where} is slowed down: {', '.join(limits)}",
                f"{REMEDY}, or wait: --wait SECONDS",
            )
        sleep(POLL_S)
        waited_s += POLL_S
