"""What a device is measured under when nothing else is asked for: its profile's own condition.

Predicting asks for it every time, so the profile is read without being validated; what is wrong in
it shows when the device is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latkit.devices import profile_file, ssh_hosts
from latkit.devices.runtimes import RUNTIMES

USUAL: dict[str, Any] = {
    "runtime": "onnxruntime",
    "threads": 1,
    "precision": "fp32",
    "batch": 1,
    "device_state": "default",
}
"""Fields of a profile that does not name them."""
MOST = 1 << 20
"""No number of a sound profile is larger."""
PROVIDER = "CPUExecutionProvider"
"""Of a runtime that does not say which is its usual one."""


def usual(device: str) -> dict[str, Any] | None:
    """Those of ``Condition.values`` that the profile decides; None where there is no profile.

    A host of the ssh configuration needs none.

    Raises UsageError saying in which file, line and field a profile is malformed.
    """
    file = profile_file.files().get(device)
    if file is None:
        return usual_of(device, {}) if ssh_hosts.is_device(device) else None
    _, fields = profile_file.load(file)
    if "command" in fields or not _sound(fields):
        from latkit.devices.profile import load  # which names what is wrong

        return load(device).usual()
    return usual_of(device, fields)


def _sound(fields: Mapping[str, Any]) -> bool:
    """Whether the fields that are asked for here are of their types."""
    texts = (fields.get(name, "") for name in ("runtime", "provider", "precision", "device_state"))
    numbers = [fields.get(name, 1) for name in ("threads", "batch")]
    processors = fields.get("affinity", [])
    return (
        all(isinstance(text, str) for text in texts)
        and isinstance(processors, list)
        and all(type(number) is int and number < MOST for number in [*numbers, *processors])
    )


def usual_of(device: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same from a profile's fields."""
    given = {**USUAL, **{name: value for name, value in fields.items() if value is not None}}
    return {
        "device": device,
        "runtime": given["runtime"],
        "provider": given.get("provider") or provider_of(given["runtime"]),
        "threads": given["threads"],
        "affinity": list(given.get("affinity") or ()),
        "precision": given["precision"],
        "batch": given["batch"],
        "state": given["device_state"],
        "tuned": False,
    }


def provider_of(runtime: str) -> str:
    """The provider that a runtime has unless another one is asked for."""
    return RUNTIMES.get(runtime).provider if runtime in RUNTIMES else PROVIDER
