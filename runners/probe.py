"""Says what this computer has for measuring, as one JSON line.

    python3 - RUNTIME_MODULES DIRECTORY PROGRAM < probe.py

The modules are separated by commas; the first one that is installed counts. Both the modules and
PROGRAM may be empty.
Whatever cannot be read is null: unknown, never assumed.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import sys
import sysconfig
from pathlib import Path


def main(modules: str, directory: str, wanted: str) -> None:
    module = first_installed(modules.split(","))
    print(
        json.dumps(
            {
                "python": list(sys.version_info[:3]),
                "machine": platform.machine(),
                "executable": sys.executable,
                "externally_managed": externally_managed(),
                "numpy": version("numpy"),
                "module": module.partition(".")[0],
                "runtime": version(module),
                "program": shutil.which(str(Path(wanted).expanduser())) if wanted else None,
                "providers": providers(module),
                "free_bytes": free_bytes(directory),
                "cpus": cpus(),
                "governors": governors(),
                "load": load(),
            }
        )
    )


def first_installed(modules: list[str]) -> str:
    """The first one that there is; the first of all where there is none."""
    return next((module for module in modules if version(module)), modules[0])


def version(module: str) -> str | None:
    """None where it is not installed; the failure's text where it is but cannot be imported."""
    if not module:
        return None
    try:
        importlib.import_module(module)
        return str(getattr(sys.modules[module.split(".")[0]], "__version__", "unknown"))
    except ModuleNotFoundError as problem:
        return None if problem.name == module.split(".")[0] else "broken: " + str(problem)
    except Exception as problem:
        return "broken: " + str(problem)[:200]


def providers(module: str) -> list[str] | None:
    """None where it has none to tell of, or is not there: ``version`` imported it, or says why."""
    ask = getattr(sys.modules.get(module), "get_available_providers", None)
    return list(ask()) if ask else None


def externally_managed() -> bool:
    """Whether pip refuses to install here (PEP 668)."""
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    return sys.prefix == sys.base_prefix and marker.exists()


def free_bytes(directory: str) -> int | None:
    place = Path(directory)
    try:
        while not place.is_dir() and place.parent != place:
            place = place.parent
        return shutil.disk_usage(str(place)).free
    except OSError:
        return None


def cpus() -> list[int]:
    """Numbers of the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def governors() -> list[str] | None:
    """Frequency governors in use; None where the kernel does not show them."""
    files = Path("/sys/devices/system/cpu").glob("cpu*/cpufreq/scaling_governor")
    try:
        return sorted({file.read_text().strip() for file in files}) or None
    except OSError:
        return None


def load() -> float | None:
    """Runnable processes, averaged over the last minute."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


if __name__ == "__main__":
    main(*sys.argv[1:])
