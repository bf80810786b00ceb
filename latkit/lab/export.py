"""Taking an adapted predictor to where it is used: a folder here, and the device itself."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latkit.condition import Condition
from latkit.devices.deploy import put
from latkit.devices.profile import load as load_profile
from latkit.devices.runners import runner_file
from latkit.devices.transport import open_transport
from latkit.errors import LatkitError, UsageError
from latkit.files import write_whole
from latkit.lab.predictor import Predictor
from latkit.lab.predictors import Kept, choose
from latkit.lab.workspace import Workspace
from latkit.predictor.graph_file import MAX_BYTES
from latkit.reading import open_regular, read_bytes

SCRIPT = "predict.py"
MAX_LINE = 1000


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

    Raises what ``Predictor.load`` does, LatkitError where they cannot be written, UsageError where
    a ``predict.py`` is there that is not latkit's.
    """
    kept = choose(lab, device, space, options or {})
    predictor = Predictor.of(kept)
    model, script = _write(kept.file, Path(output))
    example = " ".join("1" for _ in range(predictor.space.positions))
    remote = _deploy(device, kept, [model, script]) if deploy else None
    return Exported(kept.space, kept.condition, (model, script), example, remote)


def _write(predictor: Path, folder: Path) -> tuple[Path, Path]:
    """Both files, each whole or as it was."""
    model, script = folder / "predictor.onnx", folder / SCRIPT
    own = runner_file(SCRIPT).read_bytes()
    try:
        _require_not_theirs(script, own)
        folder.mkdir(parents=True, exist_ok=True)
        content = read_bytes(predictor, MAX_BYTES)
    except OSError as problem:
        raise LatkitError(f"cannot write to {folder}: {problem.strerror}") from None
    write_whole(model, content)
    write_whole(script, own)
    return model, script


def _require_not_theirs(script: Path, own: bytes) -> None:
    """Refuse to replace somebody's own program; any latkit's begins as this one's does."""
    with suppress(FileNotFoundError), open_regular(script, MAX_BYTES) as file:
        if file.readline(MAX_LINE) != own.splitlines(keepends=True)[0]:
            raise UsageError(
                f"{script} is a file of your own, which would be replaced",
                "export to another folder with --output",
            )


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
