"""Operations that cost alike behave alike: coordinates in which positions share what they learn.

Between any two choices (a position and its operation) stands a kernel over what they cost. Its
Cholesky factor turns the sum of an architecture's choices into coordinates whose inner product
is the additive kernel  k(a, b) = sum over positions i, j of kappa(choice i of a, choice j of b).
"""

from __future__ import annotations

import numpy as np

from latkit.features.additive import Floats

JITTER = 1e-6
UNIT_SHARE = 1 / 3


def descriptors(single: Floats) -> Floats:
    """Logarithms of what choices cost, each cost in units of a third of its median.

    Args:
        single: costs of single choices, shape (positions, operations, d).

    Returns:
        shape (positions * operations, varying costs).
    """
    flat = single.reshape(-1, single.shape[2])
    flat = flat[:, np.ptp(flat, axis=0) > 0]
    medians = np.array([np.median(column[column > 0]) for column in flat.T])
    return np.log1p(flat / (UNIT_SHARE * medians))


def factor(described: Floats, length: float) -> Floats:
    """Coordinates of single choices, shape (choices, choices), for a kernel of that length."""
    distance = ((described[:, None] - described[None]) ** 2).sum(axis=2)
    kernel = np.exp(-0.5 * distance / length**2)
    return np.linalg.cholesky(kernel + JITTER * np.eye(len(kernel)))
