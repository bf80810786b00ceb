"""Taking an adapted predictor to where it is used: a folder here, and the device itself."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from latkit.devices.profile import load as load_profile
from latkit.devices.transport import open_transport
from latkit.errors import BundleError, LatkitError, UsageError
from latkit.lab.predictors import adapted_spaces, load, predictor_path

SCRIPT = "predict.py"


def export(device: str, space: str | None, output: str, *, deploy: bool) -> dict[str, Any]:
    """Write ``predictor.onnx`` and ``predict.py`` into ``output``; put them on the device too.

    Returns the files written, an example of operation indices, and the folder on the device.
    """
    name = space or _only_space(device)
    predictor = load(device, name)
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model = Path(shutil.copyfile(predictor_path(device, name), folder / "predictor.onnx"))
        script = folder / SCRIPT
        example = resources.files("latkit.predictor") / "predict_on_target.py"
        script.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as problem:
        raise LatkitError(f"cannot write to {output}: {problem.strerror}") from None
    return {
        "device": device,
        "space": name,
        "files": [str(model), str(script)],
        "example": " ".join("1" for _ in range(predictor.positions)),
        "remote": _deploy(device, [model, script]) if deploy else None,
    }


def _only_space(device: str) -> str:
    found = adapted_spaces(device)
    if not found:
        hint = f"latkit measure --device {device} --n 20 && latkit adapt --device {device}"
        raise BundleError(f"device {device!r} was never adapted", hint)
    if len(found) > 1:
        names = ", ".join(found)
        raise UsageError(f"{device!r} was adapted for {names}", "choose one with --space")
    return found[0]


def _deploy(device: str, files: list[Path]) -> str:
    profile = load_profile(device)
    with open_transport(profile) as transport:
        folder = f"{transport.expand(profile.remote_dir)}/predictor"
        for file in files:
            transport.upload(file, f"{folder}/{file.name}")
    return folder
