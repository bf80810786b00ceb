"""Putting the runner and the models on the device, each once, named by its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import latkit
from latkit.devices.transport import Transport
from latkit.formats.cache import ModelFile

MODELS_KEPT_DAYS = "+1"
RUNNERS_KEPT_DAYS = "+30"


def runner_dir() -> Path:
    """The runner's files: in the wheel, or beside the package in a checkout."""
    package = Path(latkit.__file__).parent
    installed = package / "_runners"
    return installed if installed.is_dir() else package.parent / "runners"


def runner_files() -> list[Path]:
    """All files that make up the runner."""
    return sorted(runner_dir().glob("*.py"))


def runtimes() -> list[str]:
    """Names of the runtimes that the runner can drive, ``command`` among them."""
    return sorted(file.stem.removeprefix("runtime_") for file in runner_dir().glob("runtime_*.py"))


def runner_digest() -> str:
    """SHA-256 over the runner's files, hex."""
    total = hashlib.sha256()
    for file in runner_files():
        total.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return total.hexdigest()


def clear_out(transport: Transport, folder: str) -> None:
    """Remove what sessions left behind that could not: models, and runners of old versions.

    Call it with the lease held, when nobody else uses the folder.
    """
    remove = ["-exec", "rm", "-rf", "{}", "+"]
    below = ["-mindepth", "1", "-maxdepth", "1", "-mtime"]
    transport.run(["find", f"{folder}/models", *below, MODELS_KEPT_DAYS, *remove])
    transport.run(["find", f"{folder}/runners", *below, RUNNERS_KEPT_DAYS, *remove])


def deploy_runner(transport: Transport, folder: str) -> str:
    """Path of the harness on the device, uploaded unless this very version is there."""
    place = f"{folder}/runners/{runner_digest()[:16]}"
    for file in runner_files():
        remote = f"{place}/{file.name}"
        if not transport.exists(remote):
            transport.upload(file, remote)
    return f"{place}/harness.py"


def model_path(folder: str, model: ModelFile) -> str:
    """Where a model lies on the device."""
    return f"{folder}/models/{model.path.name}"
