"""Ridge regression whose strength is chosen by leave-one-out error, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latkit.evaluation.method import Floats

STRENGTHS = np.logspace(-6, 3, 37)
"""Relative to the mean of the centred samples' squared singular values."""


@dataclass(frozen=True, slots=True)
class Ridge:
    """A linear function of d features."""

    weights: Floats
    offset: float

    def __call__(self, features: Floats) -> Floats:
        """Predictions, shape (n,), from features of shape (n, d)."""
        # Not `features @ weights`, whose last digits depend on how many rows there are.
        return np.asarray(np.einsum("nd,d->n", features, self.weights) + self.offset)


def fit_ridge(features: Floats, values: Floats) -> Ridge:
    """Fit n samples with an intercept that is not penalised; n may be far below d.

    Args:
        features: shape (n, d).
        values: shape (n,).
    """
    centre, level = features.mean(axis=0), float(values.mean())
    centred = values - level
    left, sizes, right = np.linalg.svd(features - centre, full_matrices=False)
    penalties = max(float(np.mean(sizes**2)), np.finfo(float).tiny) * STRENGTHS
    errors = [_left_out_error(left, sizes, centred, penalty) for penalty in penalties]
    penalty = penalties[int(np.argmin(errors))]
    weights = right.T @ (sizes / (sizes**2 + penalty) * (left.T @ centred))
    return Ridge(weights, level - float(centre @ weights))


def _left_out_error(left: Floats, sizes: Floats, centred: Floats, penalty: float) -> float:
    """Sum of squared errors at each sample when it is left out of the fit."""
    shrinkage = sizes**2 / (sizes**2 + penalty)
    residuals = centred - left @ (shrinkage * (left.T @ centred))
    leverage = 1 / len(centred) + (left**2 * shrinkage).sum(axis=1)
    return float(np.sum((residuals / np.maximum(1 - leverage, 1e-9)) ** 2))
