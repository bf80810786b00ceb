"""Weighing hypotheses by how well they predicted the samples, all of them in one batch.

Every hypothesis is a Gaussian process with a flat offset (the device's speed) and Student-t
noise of 3 degrees of freedom, as an outlier that a Gaussian would follow is an everyday thing on
a real board. The noise is treated variationally: a few rounds of reweighting samples, and the
variational bound in place of the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.features.features import Floats
from latkit.predictor.prior import Design, Hypotheses

DEGREES_OF_FREEDOM = 3.0
ROUNDS = 4
JITTER = 1e-9


@dataclass(frozen=True, slots=True)
class Samples:
    """What was measured of a device.

    Args:
        design: of the n sampled architectures.
        relative: their latencies in units of their median, shape (n,).
        known: relative standard error of each latency, shape (n,).
    """

    design: Design
    relative: Floats
    known: Floats

    def __len__(self) -> int:
        return len(self.relative)

    def take(self, rows: slice | NDArray[np.int64]) -> Samples:
        """Some of them."""
        return Samples(self.design.take(rows), self.relative[rows], self.known[rows])


@dataclass(frozen=True, slots=True)
class Fits:
    """Fits of K hypotheses to n samples.

    Args:
        hypotheses: the K.
        weights: posterior probabilities, shape (K,).
        offset: the device's speed under each, shape (K,).
        coefficients: dual weights of the samples, shape (K, n).
        diagonal: of the inverse covariance of the samples, freed from the offset, shape (K, n).
        scatter: variance of each sample's noise under each, in its scale, shape (K, n).
    """

    hypotheses: Hypotheses
    weights: Floats
    offset: Floats
    coefficients: Floats
    diagonal: Floats
    scatter: Floats

    @classmethod
    def of(cls, hypotheses: Hypotheses, found: Explained, evidence: Floats) -> Fits:
        """Of what each hypothesis makes of the samples, and the logarithm of its evidence (K,)."""
        weights = np.exp(evidence - evidence.max())
        return cls(
            hypotheses,
            weights / weights.sum(),
            found.offset,
            found.coefficients,
            found.diagonal,
            found.scatter,
        )

    def __len__(self) -> int:
        return len(self.weights)

    def best(self, most: int) -> NDArray[np.int64]:
        """Rows of the most probable hypotheses, the best one first."""
        return np.argsort(-self.weights, kind="stable")[:most]


def residuals(hypotheses: Hypotheses, samples: Samples) -> Floats:
    """Samples minus each hypothesis's mean, in its scale, shape (K, n)."""
    mean = hypotheses.mean(samples.design)
    in_log = np.log(samples.relative) - np.log(mean)
    return np.where(hypotheses.is_log[:, None], in_log, samples.relative - mean)


def weigh(hypotheses: Hypotheses, samples: Samples, log_odds: Floats) -> Fits:
    """Fit hypotheses to samples and weigh them; ``log_odds`` (K,) are those before any sample."""
    residual = residuals(hypotheses, samples)
    base = hypotheses.scatter(samples.relative, samples.known) + JITTER
    covariance = _covariance(hypotheses, samples.design)
    trust = np.ones_like(base)
    for _ in range(ROUNDS):
        trust = explain(covariance, base / trust, residual).trust(base)
    found = explain(covariance, base / trust, residual)
    determinant = log_determinant(covariance, found.scatter)
    evidence = found.log_density(determinant, residual) + student_bound(trust)
    return Fits.of(hypotheses, found, evidence + log_odds - volume(hypotheses, samples))


def volume(hypotheses: Hypotheses, samples: Samples) -> Floats:
    """A density of logarithms is one of latencies times this, in logarithms; shape (K,)."""
    return np.where(hypotheses.is_log, np.log(samples.relative).sum(), 0.0)


def _covariance(hypotheses: Hypotheses, design: Design) -> Floats:
    count = len(design.shares)
    result = np.empty((len(hypotheses), count, count))
    for scale in (True, False):
        rows = hypotheses.is_log == scale
        result[rows] = np.tensordot(hypotheses.variances[rows], design.grams(scale), axes=1)
    return result


@dataclass(frozen=True, slots=True)
class Explained:
    """What a Gaussian process makes of n samples, under K hypotheses or one.

    Args:
        scatter: variance of each sample's noise, shape (..., n).
        offset: shape (...).
        precision: of the offset, shape (...).
        coefficients: dual weights of the samples, shape (..., n).
        diagonal: of the inverse covariance, freed from the offset, shape (..., n).
    """

    scatter: Floats
    offset: Floats
    precision: Floats
    coefficients: Floats
    diagonal: Floats

    def arrays(self) -> tuple[Floats, ...]:
        """All of it, in the order of the arguments."""
        return self.scatter, self.offset, self.precision, self.coefficients, self.diagonal

    def trust(self, base: Floats) -> Floats:
        """Expected precision of each sample's noise, given how far it lies off."""
        off = self.scatter * self.coefficients
        variance = np.maximum(self.scatter - self.scatter**2 * self.diagonal, 0.0)
        squared = (off**2 + variance) / base
        trust: Floats = (DEGREES_OF_FREEDOM + 1) / (DEGREES_OF_FREEDOM + squared)
        return trust

    def log_density(self, log_determinant: Floats, residual: Floats) -> Floats:
        """Of the samples, in logarithms and up to a constant, shape (...).

        ``log_determinant`` (...) is that of their covariance.
        """
        off = (residual * self.coefficients).sum(axis=-1)
        density: Floats = -0.5 * (off + log_determinant + np.log(self.precision))
        return density


def explain(covariance: Floats, scatter: Floats, residual: Floats) -> Explained:
    """What a Gaussian process of that covariance, shape (..., n, n), makes of samples."""
    inverse = np.linalg.inv(_with(covariance, scatter))
    return explained(
        scatter,
        residual,
        inverse.sum(axis=-1),
        (inverse @ residual[..., None])[..., 0],
        np.diagonal(inverse, axis1=-2, axis2=-1),
    )


def explained(
    scatter: Floats, residual: Floats, ones: Floats, white: Floats, diagonal: Floats
) -> Explained:
    """Frees from the offset what an inverse covariance makes of ones and of the residual.

    Args:
        scatter: variance of each sample's noise, shape (..., n).
        residual: shape (..., n).
        ones: the inverse covariance times ones, shape (..., n).
        white: the inverse covariance times the residual, shape (..., n).
        diagonal: of the inverse covariance, shape (..., n).
    """
    precision = ones.sum(axis=-1)
    offset = (ones * residual).sum(axis=-1) / precision
    return Explained(
        scatter,
        offset,
        precision,
        white - ones * offset[..., None],
        diagonal - ones**2 / precision[..., None],
    )


def log_determinant(covariance: Floats, scatter: Floats) -> Floats:
    """The logarithm of the determinant of the samples' covariance, noise included, (...)."""
    return np.asarray(np.linalg.slogdet(_with(covariance, scatter))[1])


def _with(covariance: Floats, scatter: Floats) -> Floats:
    total = covariance.copy()
    diagonal = np.arange(covariance.shape[-1])
    total[..., diagonal, diagonal] += scatter
    return total


def student_bound(trust: Floats) -> Floats:
    """What the variational treatment of Student-t noise adds to the Gaussian evidence, (...)."""
    from scipy.special import digamma, gammaln

    prior_shape = DEGREES_OF_FREEDOM / 2
    shape = prior_shape + 0.5
    rate = shape / trust
    divergence = (
        0.5 * digamma(shape)
        - gammaln(shape)
        + gammaln(prior_shape)
        + prior_shape * (np.log(rate) - np.log(prior_shape))
        + shape * (prior_shape - rate) / rate
    )
    gain = 0.5 * (digamma(shape) - np.log(rate) - np.log(trust))
    result: Floats = (gain - divergence).sum(axis=-1)
    return result
