"""From settings that were measured to the fields that a user names, and back to a profile's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latkit.devices.runtimes import runtimes
from latkit.measurement import Setting

TUNED = " tuned"
"""Behind the name of a device's state while it is held at full clocks."""


def is_tuned(setting: Setting) -> bool:
    """Whether a device was held at full clocks."""
    return TUNED in setting.device_state


def matches(setting: Setting, wanted: Mapping[str, Any]) -> bool:
    """Whether a setting has the fields wanted; a runtime is so with any provider of its own."""
    return all(
        (found := getattr(setting, name)) == value
        or (name == "runtime" and found.startswith(f"{value}:"))
        for name, value in wanted.items()
    )


def as_measured(setting: Setting) -> dict[str, Any]:
    """Fields of a profile with which a device is measured under a setting once more."""
    fields = {name: getattr(setting, name) for name in ("threads", "batch", "precision")}
    name, _, provider = setting.runtime.partition(":")
    if name in runtimes():  # otherwise a benchmark program, which the profile describes
        fields |= {"runtime": name, "provider": provider or runtimes()[name].provider}
    return fields
