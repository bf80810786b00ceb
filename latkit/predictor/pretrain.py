"""Pretraining: latencies of many devices go in, a bundle comes out.

Sources that were measured on few architectures are completed; the backbone learns all sources at
once; the adapter's hypotheses are drawn; both are written as graph and tensors that need no torch
any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from latkit import __version__
from latkit.errors import MeasurementsUnusable, MissingDependency
from latkit.features.additive import Floats
from latkit.features.encoder import Encoder, encoder
from latkit.features.features import Features
from latkit.predictor.bundle import BLOCK, FORMAT, Bundle
from latkit.predictor.complete import complete, wide
from latkit.predictor.featuriser import Featuriser, inputs, principal
from latkit.predictor.hypotheses import draw_prior
from latkit.predictor.inference import run
from latkit.spaces.base import Indices, Space

if TYPE_CHECKING:
    from latkit.predictor.backbone import Shape
    from latkit.predictor.training import Schedule

MIN_DEVICES = 2
MIN_ARCHS = 50
REFERENCE = 4000
CLIP = 3.0
"""Latencies count up to this multiple of a device's median when its spread is measured."""

Progress = Callable[[int, int], None]


def pretrain(
    space: Space,
    operations: Indices,
    latency_ms: Floats,
    devices: Sequence[str],
    *,
    seed: int = 0,
    command: str = "",
    schedule: Schedule | None = None,
    shape: Shape | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Train a bundle on measured latencies; the same seed and data give the same bundle.

    Args:
        space: of the architectures.
        operations: their indices, shape (n, positions).
        latency_ms: their latencies, shape (n, devices); NaN where not measured.
        devices: names of the columns.
        seed: of initial weights, order of training, and hypotheses.
        command: what was typed to get here, for the manifest.
        schedule: epochs, batch size and learning rate.
        shape: sizes of the network.
        progress: called with the epochs done and their total.

    Raises:
        MeasurementsUnusable: fewer than two devices, or a device with fewer than 50 latencies.
        MissingDependency: torch is not installed.
    """
    _require_usable(space, operations, latency_ms, devices)
    samples = np.isfinite(latency_ms).sum(axis=0)
    if not (first := wide(latency_ms)).all():
        teacher = pretrain(
            space,
            operations,
            latency_ms[:, first],
            [device for device, is_wide in zip(devices, first, strict=True) if is_wide],
            seed=seed,
            schedule=schedule,
            shape=shape,
            progress=_half(progress, 0),
        )
        latency_ms = latency_ms.copy()
        latency_ms[:, ~first] = complete(teacher, operations, latency_ms[:, ~first])
        progress = _half(progress, 1)
    rng = np.random.default_rng(seed)
    reference = _reference(space, rng)
    tables = encoder(space, reference, rng)
    featuriser, about = _train(
        tables, operations, latency_ms, reference, rng, schedule, shape, progress
    )
    named = featuriser(reference)
    blocks = [name.removeprefix(BLOCK) for name in named if name.startswith(BLOCK)]
    manifest = {
        "format": FORMAT,
        "space": space.name,
        "positions": space.positions,
        "operations": list(space.operations),
        "devices": list(devices),
        "samples": samples.tolist(),
        "costs": list(tables.cost_names),
        "blocks": blocks,
        "seed": seed,
        "command": command,
        "created": datetime.now(timezone.utc).date().isoformat(),
        "latkit": __version__,
        **about,
    }
    arrays = {name: values.astype(np.float64) for name, values in named.items()}
    features = Features(
        arrays["costs"], arrays["sources"], {name: arrays[BLOCK + name] for name in blocks}
    )
    prior = draw_prior(features, tables.cost_names, np.nanmedian(latency_ms, axis=0), rng)
    return Bundle(manifest, _graph(featuriser, space), prior)


def _half(progress: Progress | None, done: int) -> Progress | None:
    """One of two trainings, told as half of one."""
    if progress is None:
        return None
    return lambda epoch, epochs: progress(done * epochs + epoch, 2 * epochs)


def _require_usable(
    space: Space, operations: Indices, latency_ms: Floats, devices: Sequence[str]
) -> None:
    if len(devices) < MIN_DEVICES or len(set(devices)) < len(devices):
        raise MeasurementsUnusable(
            f"pretraining needs at least {MIN_DEVICES} different devices, there are "
            f"{len(set(devices))}",
            "import published tables; see 'latkit dataset import --help'",
        )
    if latency_ms.shape != (len(operations), len(devices)):
        raise MeasurementsUnusable(
            f"{len(operations)} architectures and {len(devices)} devices do not fit latencies "
            f"of shape {latency_ms.shape}"
        )
    rows = np.asarray(operations)
    if (
        rows.shape[1:] != (space.positions,)
        or rows.min() < 0
        or rows.max() >= len(space.operations)
    ):
        raise MeasurementsUnusable(f"some operation indices are none of {space.name}")
    if np.any(latency_ms <= 0) or np.any(np.isinf(latency_ms)):
        raise MeasurementsUnusable("a latency to train on is not a positive number of ms")
    for device, count in zip(devices, np.isfinite(latency_ms).sum(axis=0), strict=True):
        if count < MIN_ARCHS:
            raise MeasurementsUnusable(
                f"device {device!r} has latencies of {count} {space.name} architectures, "
                f"pretraining needs {MIN_ARCHS}",
                "leave that device out, or measure more on it",
            )


def _reference(space: Space, rng: np.random.Generator) -> Indices:
    """Architectures over which features are normalised."""
    return space.matrix(space.sample(rng, min(space.size, REFERENCE)))


def _train(
    tables: Encoder,
    operations: Indices,
    latency_ms: Floats,
    reference: Indices,
    rng: np.random.Generator,
    schedule: Schedule | None,
    shape: Shape | None,
    progress: Progress | None,
) -> tuple[Featuriser, dict[str, Any]]:
    try:
        import torch
    except ImportError:
        raise MissingDependency("torch", "train", "pretraining") from None
    from latkit.predictor.backbone import Backbone, Shape, weights_of
    from latkit.predictor.training import Batchable, Schedule, fit, start_linear

    space, schedule, shape = tables.physical.space, schedule or Schedule(), shape or Shape()
    relative = latency_ms / np.nanmedian(latency_ms, axis=0)
    bounded = np.minimum(relative, CLIP)
    centre, scale = np.nanmean(bounded, axis=0), np.nanstd(bounded, axis=0)
    with _one_thread(), torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(2**31)))
        batchable = Batchable(*map(torch.from_numpy, inputs(tables, operations)))
        nodes, columns = batchable.raw.shape[1], batchable.joint.shape[1]
        backbone = Backbone(nodes, space.node_labels, columns, latency_ms.shape[1], shape)
        start_linear(backbone, batchable.joint, (bounded - centre) / scale)
        fit(backbone, batchable, (relative - centre) / scale, rng, schedule, progress)
    weights = weights_of(backbone)
    _, states = run(weights, *inputs(tables, reference))
    about = {
        "shape": asdict(shape),
        "schedule": asdict(schedule),
        "torch": str(torch.__version__),
    }
    numbers = (centre.astype(np.float32), scale.astype(np.float32), principal(states))
    return Featuriser(tables, weights, *numbers), about


@contextmanager
def _one_thread() -> Iterator[None]:
    """Layers this small only wait for each other on more; and sums keep their order."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _graph(featuriser: Featuriser, space: Space) -> bytes:
    from latkit.predictor.trace import Graph

    graph = Graph()
    operations = graph.input("operations", np.int64, ["n", space.positions])
    content: bytes = graph.model(featuriser(operations)).SerializeToString()
    return content
