"""Predicted latencies: the one form in which every predictor answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Latencies:
    """Predicted latencies, each array of shape (n,): centre and central interval, in ms."""

    mean_ms: Floats
    lower_ms: Floats
    upper_ms: Floats
