"""latkit: measure a handful of networks on a board, and know the latency of all the others.

    import latkit

    lab = latkit.Lab()
    lab.measure("local", n=20)
    lab.adapt("local")
    print(lab.predict("|nor_conv_3x3~0|+|...", device="local").rows())

Everything here is imported when it is first used. What is not in ``__all__`` may change.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latkit.condition import Condition, Runtime, State
    from latkit.errors import (
        ArchError,
        BundleError,
        DeviceUnreachable,
        HostKeyError,
        LatkitError,
        MeasurementsUnusable,
        MissingDependency,
        RemoteCommandError,
        RunnerError,
        StoreError,
        UnknownNameError,
        UsageError,
    )
    from latkit.lab.adapt import Adaptation
    from latkit.lab.dataset import Dataset
    from latkit.lab.lab import Lab
    from latkit.lab.options import Options
    from latkit.lab.predictor import Predictor
    from latkit.lab.validate import Validation
    from latkit.latencies import Latencies
    from latkit.measure.campaign import CampaignResult
    from latkit.measurement import Measurement
    from latkit.progress import Progress
    from latkit.spaces import Space
    from latkit.spaces import get as space
    from latkit.subjects import Collection, Subject

# onnxruntime would report from its users' machines, on a thread that also makes forking unsafe.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = [
    "Adaptation",
    "ArchError",
    "BundleError",
    "CampaignResult",
    "Collection",
    "Condition",
    "Dataset",
    "DeviceUnreachable",
    "HostKeyError",
    "Lab",
    "Latencies",
    "LatkitError",
    "Measurement",
    "MeasurementsUnusable",
    "MissingDependency",
    "Options",
    "Predictor",
    "Progress",
    "RemoteCommandError",
    "RunnerError",
    "Runtime",
    "Space",
    "State",
    "StoreError",
    "Subject",
    "UnknownNameError",
    "UsageError",
    "Validation",
    "space",
]

_HOMES = {
    "latkit.condition": ("Condition", "Runtime", "State"),
    "latkit.lab.adapt": ("Adaptation",),
    "latkit.lab.dataset": ("Dataset",),
    "latkit.lab.lab": ("Lab",),
    "latkit.lab.options": ("Options",),
    "latkit.lab.predictor": ("Predictor",),
    "latkit.lab.validate": ("Validation",),
    "latkit.latencies": ("Latencies",),
    "latkit.measure.campaign": ("CampaignResult",),
    "latkit.measurement": ("Measurement",),
    "latkit.progress": ("Progress",),
    "latkit.spaces": ("Space",),
    "latkit.subjects": ("Collection", "Subject"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name == "space":
            return importlib.import_module("latkit.spaces").get
        if name not in __all__:
            raise AttributeError(f"module 'latkit' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOME.get(name, "latkit.errors")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
