"""Says what of these packages can be imported here, as one JSON line.

    python3 packages.py NAMES...

Each NAMES is one module, or several separated by commas of which the first one that is there
counts. Each is imported in a process of its own, which may die of it. ``pip`` and ``ensurepip``
tell how something could be installed.
"""

if __name__ == "__main__":
    import isolation  # noqa: F401

import importlib
import importlib.util
import json
import os
import sys
from importlib import metadata

import child

TIMEOUT_S = 100


class Silence:
    """Requests that never come."""

    def __init__(self):
        self.descriptor, self.kept_open = os.pipe()


def main(wanted):
    modules = [described(first_present(names.split(","))) for names in wanted]
    tools = {name: place(name) is not None for name in ("pip", "ensurepip")}
    print(json.dumps({"modules": modules, "venv": sys.prefix != sys.base_prefix, **tools}))


def first_present(names):
    """The first one that is there; the first of all where none is."""
    return next((name for name in names if place(name)), names[0])


def place(module):
    """The file of its package; None where there is none, or a folder that is no package."""
    try:
        found = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return None
    return found.origin if found else None


def described(module):
    """Where it is, and its version and providers or why it cannot be imported."""
    package = module.partition(".")[0]
    found = {"name": package, "place": place(module), "version": installed(package)}
    if found["place"]:
        told = child.run(lambda: imported(module), TIMEOUT_S, None, Silence())
        found.update({name: value for name, value in told.items() if value is not None})
    return found


def installed(package):
    """The version that was installed, whether it can be imported or not."""
    try:
        return metadata.version(package)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def imported(module):
    """In the child."""
    found = importlib.import_module(module)
    package = sys.modules[module.partition(".")[0]]
    ask = getattr(found, "get_available_providers", None)
    return {
        "version": str(getattr(package, "__version__", "unknown"))[:200],
        "providers": list(ask()) if ask else None,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
