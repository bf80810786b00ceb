"""Making transfer tasks from any set of devices (NASFLAT, section 3.1 and appendix A.1).

Devices are nodes, rank correlations of their latencies are edge weights. Kernighan-Lin bisection
cuts the graph where the correlations across the cut are least, so that adapting from one side to
the other is as hard as the data allow; each side is then pruned to the size asked for by dropping
whichever device is most like the other side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latkit.errors import MeasurementsUnusable, MissingDependency, UsageError
from latkit.evaluation.tasks import Task
from latkit.metrics import spearman

MIN_COMMON_ARCHS = 20


def rank_correlations(latency_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman correlation of every pair of columns, shape (d, d).

    Args:
        latency_ms: shape (n, d); NaN where an architecture was not measured on a device. A pair
            is correlated over the architectures that both have.

    Raises:
        MeasurementsUnusable: two devices share fewer than 20 architectures.
    """
    devices = latency_ms.shape[1]
    result = np.eye(devices)
    for i in range(devices):
        for j in range(i):
            both = np.isfinite(latency_ms[:, i]) & np.isfinite(latency_ms[:, j])
            if both.sum() < MIN_COMMON_ARCHS:
                raise MeasurementsUnusable(
                    f"two devices share {both.sum()} architectures, {MIN_COMMON_ARCHS} are needed"
                )
            result[i, j] = result[j, i] = spearman(latency_ms[both, i], latency_ms[both, j])
    return result


def partition(
    name: str,
    space: str,
    devices: Sequence[str],
    correlations: NDArray[np.float64],
    *,
    sources: int,
    targets: int,
    rng: np.random.Generator,
) -> Task:
    """Split ``devices`` into a task of ``sources`` and ``targets`` that are as unlike as can be.

    Raises UsageError where there are too few devices, or a side of the cut is too small.
    """
    if sources < 1 or targets < 1 or sources + targets > len(devices):
        raise UsageError(
            f"{len(devices)} devices cannot be split into {sources} sources and {targets} targets"
        )
    small, large = sorted(_bisect(correlations, rng), key=len)
    source, target = (large, small) if sources >= targets else (small, large)
    source, target = _grow(source, target, sources, correlations)
    target, source = _grow(target, source, targets, correlations)
    source = _prune(source, target, sources, correlations)
    target = _prune(target, source, targets, correlations)
    return Task(
        name,
        space,
        tuple(devices[i] for i in sorted(source)),
        tuple(devices[i] for i in sorted(target)),
    )


def _bisect(correlations: NDArray[np.float64], rng: np.random.Generator) -> list[list[int]]:
    try:
        import networkx
    except ImportError:
        raise MissingDependency("networkx", "evaluate", "partitioning device sets") from None
    graph = networkx.from_numpy_array(correlations - np.diag(np.diag(correlations)))
    seed = int(rng.integers(2**31))
    sides = networkx.community.kernighan_lin_bisection(graph, seed=seed)
    return [sorted(side) for side in sides]


def _grow(
    side: list[int], other: list[int], size: int, correlations: NDArray[np.float64]
) -> tuple[list[int], list[int]]:
    """A side that is too small takes over whichever devices of the other are most like it."""
    side, other = list(side), list(other)
    while len(side) < size:
        alike = correlations[np.ix_(other, side)].mean(axis=1)
        side.append(other.pop(int(alike.argmax())))
    return side, other


def _prune(
    side: list[int], other: list[int], size: int, correlations: NDArray[np.float64]
) -> list[int]:
    """A side that is too large drops whichever devices are most like the other side."""
    side = list(side)
    while len(side) > size:
        alike = correlations[np.ix_(side, other)].mean(axis=1)
        side.pop(int(alike.argmax()))
    return side
