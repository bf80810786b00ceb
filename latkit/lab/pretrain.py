"""Pretraining on whatever devices the dataset knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from latkit import spaces
from latkit.errors import BundleError, MeasurementsUnusable, UsageError
from latkit.lab.workspace import Workspace
from latkit.predictor.bundle import Bundle
from latkit.predictor.pretrain import MIN_ARCHS
from latkit.predictor.pretrain import pretrain as train
from latkit.store import LatencyTable


def pretrain(
    lab: Workspace,
    space: str,
    output: str,
    *,
    devices: Sequence[str] = (),
    seed: int = 0,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Bundle:
    """Train a bundle on the dataset's devices and write it to the folder ``output``.

    Without ``devices``, every device with enough architectures is used. Raises
    MeasurementsUnusable where there are too few, MissingDependency without torch, UsageError where
    the folder holds a bundle of another space.
    """
    chosen = spaces.get(space)
    _require_same_space(Path(output), chosen.name)
    with lab.store() as store:
        table = store.table(space, list(devices) or None)
    if not devices:
        table = _with_enough(table)
    if not table.devices:
        raise MeasurementsUnusable(
            f"no device in the dataset has {MIN_ARCHS} {space} architectures",
            "import published tables; see 'latkit dataset import --help'",
        )
    bundle = train(
        chosen,
        chosen.matrix(table.subjects),
        table.latency_ms,
        table.devices,
        seed=seed,
        command=command,
        progress=progress,
    )
    Bundle.from_files(bundle.files(), "the bundle that was trained")
    try:
        bundle.save(Path(output))
    except OSError as problem:
        raise UsageError(f"cannot write to {output}: {problem.strerror}") from None
    return bundle


def _require_same_space(folder: Path, space: str) -> None:
    """No bundle of another space is replaced; one that is damaged may be."""
    try:
        before = Bundle.load(folder).space
    except BundleError:
        return
    if before != space:
        raise UsageError(
            f"{folder} holds a bundle of {before}, which one of {space} would replace",
            "choose another folder with --output",
        )


def _with_enough(table: LatencyTable) -> LatencyTable:
    enough = np.isfinite(table.latency_ms).sum(axis=0) >= MIN_ARCHS
    names = [name for name, keep in zip(table.devices, enough, strict=True) if keep]
    return replace(table, devices=names, latency_ms=table.latency_ms[:, enough])
