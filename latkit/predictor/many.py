"""Fitting one hypothesis to as many samples as there are, in the price of the cheaper form.

A Gaussian process whose kernel is an inner product of D coordinates costs n^3 by its samples, or
n D^2 by its coordinates (Rasmussen & Williams, 2006, section 2.1.2); the results are the same.
"""

from __future__ import annotations

import numpy as np

from latkit.features.features import Floats
from latkit.predictor.evidence import (
    JITTER,
    Explained,
    Fits,
    Samples,
    explain,
    explained,
    log_determinant,
    residuals,
    student_bound,
    volume,
)
from latkit.predictor.prior import Hypotheses

ROUNDS = 3
"""So often are samples reweighed."""
BY_SAMPLES = 600
"""Up to so many samples, the form by samples is the cheaper one."""
NEGLIGIBLE = 1e-6
"""A block that adds less than this to the variance of the residual is left out."""


def weigh_each(hypotheses: Hypotheses, samples: Samples, log_odds: Floats) -> Fits:
    """As ``evidence.weigh``, for few hypotheses and many samples."""
    each = [_fit(hypotheses.take(np.array([k])), samples) for k in range(len(hypotheses))]
    parts = zip(*(found.arrays() for found, _ in each), strict=True)
    evidence = np.array([density for _, density in each]) - volume(hypotheses, samples)
    return Fits.of(hypotheses, Explained(*(np.stack(part) for part in parts)), evidence + log_odds)


def _fit(one: Hypotheses, samples: Samples) -> tuple[Explained, float]:
    """What a hypothesis makes of the samples, and the logarithm of its evidence."""
    residual = residuals(one, samples)[0]
    base = one.scatter(samples.relative, samples.known)[0] + JITTER
    form = ByCoordinates(one, samples) if len(samples) > BY_SAMPLES else BySamples(one, samples)
    trust = np.ones_like(base)
    for _ in range(ROUNDS):
        found, determinant = form(base / trust, residual)
        trust = found.trust(base)
    found, determinant = form(base / trust, residual)
    return found, float(found.log_density(determinant, residual) + student_bound(trust))


class BySamples:
    """Solves with the covariance of the samples, (n, n)."""

    def __init__(self, one: Hypotheses, samples: Samples) -> None:
        blocks = samples.design.of(bool(one.is_log[0]))
        self.covariance = sum(
            variance * (block @ block.T)
            for variance, block in zip(one.variances[0], blocks, strict=True)
        )

    def __call__(self, scatter: Floats, residual: Floats) -> tuple[Explained, Floats]:
        """What is explained, and the logarithm of the covariance's determinant."""
        found = explain(self.covariance, scatter, residual)
        return found, log_determinant(self.covariance, scatter)


class ByCoordinates:
    """Solves with the precision of the coordinates' weights, (D, D)."""

    def __init__(self, one: Hypotheses, samples: Samples) -> None:
        blocks = zip(one.variances[0], samples.design.of(bool(one.is_log[0])), strict=True)
        scaled = [np.sqrt(variance) * block for variance, block in blocks]
        added = np.array([np.square(block).sum() / len(samples) for block in scaled])
        kept = [block for block, own in zip(scaled, added, strict=True) if own > _least(added)]
        self.coordinates = np.concatenate(kept, axis=1)

    def __call__(self, scatter: Floats, residual: Floats) -> tuple[Explained, Floats]:
        """What is explained, and the logarithm of the covariance's determinant."""
        from scipy.linalg import blas, cholesky, solve_triangular

        weighed = self.coordinates / np.sqrt(scatter)[:, None]
        precision = blas.dsyrk(1.0, weighed.T, lower=True)
        precision[np.diag_indices_from(precision)] += 1
        factor = cholesky(precision, lower=True, overwrite_a=True, check_finite=False)
        half = solve_triangular(factor, weighed.T, lower=True, check_finite=False)
        root = np.sqrt(scatter)

        def inverse(vector: Floats) -> Floats:
            white = vector / root
            return np.asarray((white - half.T @ (half @ white)) / root)

        found = explained(
            scatter,
            residual,
            inverse(np.ones_like(residual)),
            inverse(residual),
            (1 - np.einsum("dn,dn->n", half, half)) / scatter,
        )
        return found, 2 * np.log(np.diag(factor)).sum() + np.log(scatter).sum()


def _least(added: Floats) -> float:
    return float(NEGLIGIBLE * added.sum())
