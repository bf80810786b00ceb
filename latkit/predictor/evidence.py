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
from latkit.predictor.prior import FLOOR, Design, Prior

DEGREES_OF_FREEDOM = 3.0
ROUNDS = 4
JITTER = 1e-9


@dataclass(frozen=True, slots=True)
class Fits:
    """Fits of K hypotheses to n samples.

    Args:
        chosen: which hypotheses of the prior, shape (K,).
        weights: posterior probabilities, shape (K,).
        offset: the device's speed under each, shape (K,).
        coefficients: dual weights of the samples, shape (K, n).
        whitener: inverse Cholesky factors of the samples' covariances, shape (K, n, n).
        scatter: relative variance of each sample's noise under each, shape (K, n).
    """

    chosen: NDArray[np.int64]
    weights: Floats
    offset: Floats
    coefficients: Floats
    whitener: Floats
    scatter: Floats


def targets(prior: Prior, design: Design, relative: Floats, chosen: NDArray[np.int64]) -> Floats:
    """Samples minus each hypothesis's mean, in its scale, shape (K, n)."""
    mean = np.maximum(prior.shares[chosen] @ design.shares.T, FLOOR)
    in_log = np.log(relative) - np.log(mean)
    return np.where(prior.is_log[chosen, None], in_log, relative - mean)


def weigh(
    prior: Prior,
    design: Design,
    relative: Floats,
    noise: Floats,
    chosen: NDArray[np.int64],
    log_odds: Floats,
) -> Fits:
    """Fit hypotheses to samples and weigh them.

    Args:
        prior: all hypotheses.
        design: of the n sampled architectures.
        relative: their latencies in units of their median, shape (n,).
        noise: relative standard error of each latency, shape (n,).
        chosen: numbers of the hypotheses, shape (K,).
        log_odds: of these hypotheses before any sample, shape (K,).
    """
    is_log = prior.is_log[chosen]
    residual = targets(prior, design, relative, chosen)
    known = np.where(is_log[:, None], noise, noise * relative) ** 2
    base = prior.noise[chosen, None] ** 2 + known + JITTER
    covariance = _covariance(prior, design, chosen)
    trust = np.ones_like(base)
    for _ in range(ROUNDS):
        whitener, _ = _factor(covariance, base / trust)
        trust = _reweigh(whitener, residual, base, trust)
    whitener, log_determinant = _factor(covariance, base / trust)
    white, ones = np.einsum("kij,kj->ki", whitener, residual), whitener.sum(axis=2)
    precision = (ones**2).sum(axis=1)
    offset = (white * ones).sum(axis=1) / precision
    evidence = -0.5 * ((white**2).sum(axis=1) - offset**2 * precision) - log_determinant
    evidence += -0.5 * np.log(precision) + _student_bound(trust)
    evidence += log_odds
    # The density of the samples themselves: a log changes the volume element.
    evidence -= np.where(is_log, np.log(relative).sum(), 0.0)
    weights = np.exp(evidence - evidence.max())
    explained = white - offset[:, None] * ones
    return Fits(
        chosen,
        weights / weights.sum(),
        offset,
        np.einsum("kij,ki->kj", whitener, explained),
        whitener,
        base / trust,
    )


def _covariance(prior: Prior, design: Design, chosen: NDArray[np.int64]) -> Floats:
    count = len(design.shares)
    result = np.empty((len(chosen), count, count))
    for scale in (True, False):
        rows = prior.is_log[chosen] == scale
        grams = np.stack([block @ block.T for block in design.of(scale)])
        result[rows] = np.tensordot(prior.variances[chosen[rows]], grams, axes=1)
    return result


def _factor(covariance: Floats, scatter: Floats) -> tuple[Floats, Floats]:
    count = covariance.shape[1]
    diagonal = np.arange(count)
    total = covariance.copy()
    total[:, diagonal, diagonal] += scatter
    factor = np.linalg.cholesky(total)
    identity = np.broadcast_to(np.eye(count), factor.shape)
    return np.linalg.solve(factor, identity), np.log(factor[:, diagonal, diagonal]).sum(axis=1)


def _reweigh(whitener: Floats, residual: Floats, base: Floats, before: Floats) -> Floats:
    """Expected precision of each sample's noise, given how far it lies off."""
    inverse = np.swapaxes(whitener, 1, 2) @ whitener
    ones = inverse.sum(axis=2)
    precision = ones.sum(axis=1)
    offset = (ones * residual).sum(axis=1) / precision
    off = np.einsum("kij,kj->ki", inverse, residual - offset[:, None])
    scatter = base / before
    diagonal = np.arange(residual.shape[1])
    spread = inverse[:, diagonal, diagonal] - ones**2 / precision[:, None]
    variance = np.maximum(scatter - scatter**2 * spread, 0.0)
    squared = ((scatter * off) ** 2 + variance) / base
    trust: Floats = (DEGREES_OF_FREEDOM + 1) / (DEGREES_OF_FREEDOM + squared)
    return trust


def _student_bound(trust: Floats) -> Floats:
    """What the variational treatment of Student-t noise adds to the Gaussian evidence."""
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
    result: Floats = (gain - divergence).sum(axis=1)
    return result
