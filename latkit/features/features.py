"""What the adapter sees of an architecture: costs, sources, and blocks for its kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Features:
    """Features of n architectures.

    Args:
        costs: shape (n, C), physical costs (FLOPs, bytes, launches, ...), none negative.
        sources: shape (n, S), latencies that the source models predict, all positive, each in
            units of its device's median.
        blocks: by name, shape (n, D): coordinates over which the residual of the mean is smooth.
    """

    costs: Floats
    sources: Floats
    blocks: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.costs)
