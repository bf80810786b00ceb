"""What to do where a runtime cannot be imported on a device, or dies over a network."""

from __future__ import annotations

import re

from latkit.devices import signals
from latkit.devices.facts import Facts, Package, Packages
from latkit.devices.installing import install, typed
from latkit.devices.profile import Profile
from latkit.devices.runtimes import requirements

# The first releases that know NumPy 2; tflite-runtime ended before it.
_KNOWS_NUMPY_2 = {"onnxruntime": (1, 19), "torch": (2, 3), "tflite_runtime": (999,)}
_OF_WRONG_NUMPY = ("SIGSEGV", "SIGBUS", "SIGABRT")
_NUMPY_WORDS = ("_ARRAY_API", "NumPy 1.x", "multiarray failed to import", "Numpy is not available")
_LIBRARY = re.compile(r"(lib[\w.+-]+?\.so[\w.]*): cannot open shared object file")
_DEBIAN = {
    "libopenblas.so.0": "libopenblas0",
    "libgomp.so.1": "libgomp1",
    "libatomic.so.1": "libatomic1",
    "libgfortran.so.5": "libgfortran5",
    "libstdc++.so.6": "libstdc++6",
}
_INSTALLED = ("/site-packages/", "/dist-packages/")
MEMORY = "stop other programs there, or give it swap: measuring needs some hundred MB"


def of_failure(
    profile: Profile, facts: Facts, packages: Packages, kind: str | None, detail: str
) -> str:
    """Of a failure as the runners tell it, see ``protocol.Failed``."""
    signal = signals.of_failure(kind, detail)
    if _numpy_is_too_new(packages, signal, detail):
        return _older_numpy(profile, facts, packages)
    if signal == "SIGKILL":
        return MEMORY
    if signal == "SIGILL":
        return _older_build(profile, facts, packages)
    if library := _LIBRARY.search(detail):
        return _library(profile, facts, library.group(1))
    if "failed to map segment" in detail:
        return "it lies on a disk that is mounted noexec: make its virtual environment elsewhere"
    if "GLIBC" in detail or "CXXABI" in detail:
        return _older_build(profile, facts, packages)
    return install(profile, facts, packages, f"--force-reinstall {_needed(profile, facts)}")


def of_import(profile: Profile, facts: Facts, packages: Packages, package: Package) -> str:
    """Of a package that is there and cannot be imported."""
    place = package.place or ""
    if not any(folder in place for folder in _INSTALLED):
        return f"{place} takes the place of {package.name}: PYTHONPATH there must not name it"
    return of_failure(profile, facts, packages, package.kind, package.detail or "")


def _needed(profile: Profile, facts: Facts) -> str:
    name, provider = profile.runtime, profile.provider
    return requirements(name, provider, python=facts.python, machine=facts.machine)


def _numpy_is_too_new(packages: Packages, signal: str | None, detail: str) -> bool:
    if packages.version("numpy") < (2,):
        return False
    old = any(() < packages.version(name) < first for name, first in _KNOWS_NUMPY_2.items())
    return (old and signal in _OF_WRONG_NUMPY) or any(word in detail for word in _NUMPY_WORDS)


def _older_numpy(profile: Profile, facts: Facts, packages: Packages) -> str:
    names = "numpy<2"
    with_it = f'{profile.runtime} "{names}"' if facts.externally_managed else f'"{names}"'
    command = install(profile, facts, packages, with_it)
    return f"it was built for NumPy 1 and needs {names}: {command}"


def _older_build(profile: Profile, facts: Facts, packages: Packages) -> str:
    """Of the package that died: numpy where that did, else the runtime."""
    broken = next((each for each in packages.modules if not each.works), None)
    package = broken or (packages.modules[-1] if packages.modules else None)
    machine = ", ".join(filter(None, [facts.processor, facts.machine]))
    if package is None or not package.version:
        return f"install a build for this processor ({machine})"
    name = package.name.replace("_", "-")
    older = install(profile, facts, packages, f'"{name}<{package.version}"')
    return (
        f"{name} {package.version} is not for this processor ({machine}); an older release may "
        f"be: {older}; or build it there"
    )


def _library(profile: Profile, facts: Facts, library: str) -> str:
    package = _DEBIAN.get(library)
    if package and facts.manager == "apt-get":
        return typed(profile, f"sudo apt-get install {package}")
    return f"install what has {library} there"
