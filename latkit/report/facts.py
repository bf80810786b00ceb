"""Where figures come from: command, date, versions, machine."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("latkit", "numpy", "scipy", "onnxruntime", "scikit-learn", "torch")


def facts(seeds: int) -> dict[str, Any]:
    """What a table of results must name."""
    return {
        "command": shlex.join(["latkit", *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "versions": {"Python": platform.python_version(), **_versions()},
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "seeds": seeds,
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
