"""Taking an adapted predictor to where it is used: a folder here, and the device itself."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latkit.condition import Condition
from latkit.devices.deploy import put
from latkit.devices.profile import load as load_profile
from latkit.devices.runners import runner_file
from latkit.devices.transport import open_transport
from latkit.errors import LatkitError
from latkit.lab.predictor import Predictor
from latkit.lab.predictors import Kept, choose
from latkit.lab.workspace import Workspace

SCRIPT = "predict.py"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written here, and the folder on the device where it was put too.

    ``example`` are operation indices of a network, to try it with.
    """

    space: str
    condition: Condition
    files: tuple[Path, ...]
    example: str
    remote: str | None

    def row(self) -> dict[str, Any]:
        """All of it, as a row of results."""
        return {
            "space": self.space,
            **self.condition.row(),
            "files": [str(file) for file in self.files],
            "example": self.example,
            "remote": self.remote,
        }


def export(
    lab: Workspace,
    device: str,
    output: str | Path,
    *,
    space: str | None = None,
    deploy: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Exported:
    """Write ``predictor.onnx`` and ``predict.py`` into ``output``; put them on the device too.

    The predictor is that of the profile's own condition, changed by ``options``.

    Raises what ``Predictor.load`` does, LatkitError where they cannot be written.
    """
    kept = choose(lab, device, space, options or {})
    predictor = Predictor.of(kept)
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model = Path(shutil.copyfile(kept.file, folder / "predictor.onnx"))
        script = Path(shutil.copyfile(runner_file(SCRIPT), folder / SCRIPT))
    except OSError as problem:
        raise LatkitError(f"cannot write to {output}: {problem.strerror}") from None
    example = " ".join("1" for _ in range(predictor.space.positions))
    remote = _deploy(device, kept, [model, script]) if deploy else None
    return Exported(kept.space, kept.condition, (model, script), example, remote)


def _deploy(device: str, kept: Kept, files: list[Path]) -> str:
    profile = load_profile(device)
    with open_transport(profile) as transport:
        folder = posixpath.join(
            transport.expand(profile.remote_dir),
            "predictors",
            kept.file.parent.name,
            kept.file.stem,
        )
        put(transport, profile, folder, {file.name: file for file in files})
    return folder
