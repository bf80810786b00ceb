"""Which operation is where: one-hot encodings, counts and pairs.

All functions take operation indices of shape (n, positions), as an array or as a stand-in that
is being traced, and return 32-bit floats of shape (n, columns).
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np


def onehot(operations: Any, choices: int, positions: int) -> Any:
    """Which of ``choices`` operations each position holds; columns: position, then operation."""
    hits = (operations[:, :, None] == np.arange(choices)).astype(np.float32)
    return hits.reshape(-1, positions * choices)


def counts(operations: Any, choices: int, positions: int) -> Any:
    """How often each operation occurs."""
    total = np.tile(np.eye(choices, dtype=np.float32), (positions, 1))
    return onehot(operations, choices, positions) @ total


def pairs(operations: Any, choices: int, positions: int) -> Any:
    """Joint one-hot encoding of every two positions."""
    every = list(combinations(range(positions), 2))
    select = np.zeros((positions, len(every)), dtype=np.int64)
    for column, (first, second) in enumerate(every):
        select[first, column], select[second, column] = choices, 1
    return onehot(operations @ select, choices**2, len(every))
