"""What is compared: few-shot methods behind one interface, known by name.

All methods see the same sources and the same samples of the target, and nothing else of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latkit.latencies import Latencies
from latkit.spaces.base import Indices, Space

Floats = NDArray[np.float64]
Files = Mapping[str, bytes]
"""What a method learned from the sources, as files by name; none where it learns nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """Latencies of the source devices.

    Args:
        space: of the architectures.
        operations: their indices, shape (n, positions).
        latency_ms: shape (n, devices), NaN where not measured.
        devices: names of the columns.
    """

    space: Space
    operations: Indices
    latency_ms: Floats
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What was measured on the target: indices (n, positions) and latencies (n,)."""

    operations: Indices
    latency_ms: Floats


class Predictor(Protocol):
    """Predicts one target."""

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms and 90 % intervals, NaN from a method that knows no interval."""
        ...


Adapter = Callable[[Samples, np.random.Generator], Predictor]
"""Adapts to a target from its samples; of equal arguments and generators the same predictor."""


class Method(Protocol):
    """A way of predicting a target from sources and a few samples."""

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Learn from the sources, once a task."""
        ...

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Make ready to adapt; may be called in another process than ``pretrain``."""
        ...


def without_interval(latency_ms: Floats) -> Latencies:
    """Predictions of a method that knows no interval; shape (n,)."""
    unknown = np.full(len(latency_ms), np.nan)
    return Latencies(latency_ms, unknown, unknown)
