"""The adapted predictors on this computer: where they lie, and asking them.

This is the path that ``latkit predict`` takes, so it imports neither scipy nor the dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latkit import spaces
from latkit.config import predictors_dir
from latkit.errors import BundleError, UnknownNameError
from latkit.measurement import Arch, Prediction
from latkit.predictor.runtime import Predictor


def predictor_path(device: str, space: str) -> Path:
    """Where the predictor of ``device`` for ``space`` is kept."""
    return predictors_dir() / device / f"{space}.onnx"


def adapted_devices(space: str) -> list[str]:
    """Names of the devices that were adapted for ``space``."""
    return sorted(path.parent.name for path in predictors_dir().glob(f"*/{space}.onnx"))


def adapted_spaces(device: str) -> list[str]:
    """Names of the spaces that ``device`` was adapted for."""
    return sorted(path.stem for path in (predictors_dir() / device).glob("*.onnx"))


def load(device: str, space: str) -> Predictor:
    """The predictor of one device; raises BundleError or UnknownNameError where there is none."""
    path = predictor_path(device, space)
    if not path.is_file():
        raise _never_adapted(device, space)
    return Predictor.load(path)


def _never_adapted(device: str, space: str) -> Exception:
    hint = (
        f"latkit measure --device {device} --space {space} --n 20 && latkit adapt --device {device}"
    )
    if others := adapted_devices(space):
        problem = UnknownNameError("adapted device", device, others)
        problem.message = f"device {device!r} was never adapted for {space}"
        problem.hint = f"adapted: {', '.join(others)}; or: {hint}"
        return problem
    return BundleError(f"device {device!r} was never adapted for {space}", hint)


def predict(archs: Sequence[Arch], device: str | None = None) -> list[dict[str, Any]]:
    """One row per architecture and device, in the order of ``archs``.

    Args:
        archs: architectures, of one space or of several.
        device: one device, or None for every device that was adapted for the space at hand.
    """
    rows: list[list[dict[str, Any]]] = [[] for _ in archs]
    for space in dict.fromkeys(arch.space for arch in archs):
        places = [place for place, arch in enumerate(archs) if arch.space == space]
        for name in [device] if device else _devices_or_fail(space):
            for place, prediction in zip(
                places, _ask(load(name, space), space, [archs[i] for i in places]), strict=True
            ):
                rows[place].append(_row(archs[place], name, prediction))
    return [row for group in rows for row in group]


def _devices_or_fail(space: str) -> list[str]:
    devices = adapted_devices(space)
    if not devices:
        raise BundleError(
            f"no device has been adapted for {space} yet",
            "latkit measure --device local --n 20 && latkit adapt --device local",
        )
    return devices


def _ask(predictor: Predictor, space: str, archs: Sequence[Arch]) -> list[Prediction]:
    posterior = predictor.predict(spaces.get(space).matrix(archs))
    bounds = zip(posterior.mean_ms, posterior.lower_ms, posterior.upper_ms, strict=True)
    return [Prediction(float(mean), float(low), float(high)) for mean, low, high in bounds]


def _row(arch: Arch, device: str, prediction: Prediction) -> dict[str, Any]:
    return {
        "space": arch.space,
        "arch": arch.text,
        "device": device,
        "mean_ms": prediction.mean_ms,
        "lower_ms": prediction.lower_ms,
        "upper_ms": prediction.upper_ms,
    }
