"""Devices that are slowed down before anything is timed."""

from __future__ import annotations

import pytest

from latkit.measure.readiness import POLL_S, DeviceNotReadyError, wait_until_ready
from latkit.protocol import DeviceState

HOT = DeviceState(limits=("under-voltage", "throttled"))


def waiting(states: list[DeviceState], wait_s: float) -> list[float]:
    """How long it slept, each time, until the device was ready."""
    slept: list[float] = []
    wait_until_ready(iter(states).__next__, "board", wait_s, slept.append)
    return slept


@pytest.mark.parametrize("state", [DeviceState(), DeviceState(limits=()), DeviceState(load=99.0)])
def test_what_is_not_slowed_down_is_ready_at_once(state: DeviceState):
    assert waiting([state], 0.0) == []


def test_what_slows_it_down_is_named():
    with pytest.raises(DeviceNotReadyError, match="board is slowed down: under-voltage, thr") as e:
        waiting([HOT], 0.0)
    assert "--wait" in (e.value.hint or "")


def test_it_is_waited_for():
    assert waiting([HOT, HOT, DeviceState(limits=())], 60.0) == [POLL_S, POLL_S]


def test_but_no_longer_than_was_said():
    with pytest.raises(DeviceNotReadyError):
        waiting([HOT] * 3, 2 * POLL_S)
