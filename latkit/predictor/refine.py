"""Fitting a hypothesis's variances to samples, where these are enough to tell them.

Of thousands of hypotheses drawn at random some are near the truth, which is all that twenty samples
can use. Hundreds can tell the variance of every kernel block, and the noise. They are found by
climbing the evidence (Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006,
section 5.4.1), from the hypothesis on and held to it by a broad log-normal prior.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from latkit.features.features import Floats
from latkit.predictor.evidence import JITTER, Samples, explain, explained, residuals
from latkit.predictor.prior import Hypotheses

CYCLES = 2
STEPS = 10
"""So often are samples reweighed, and so many steps climbed in between."""
BREADTH = 1.5
"""Standard deviation of the logarithm of a variance, before the samples."""
LOWEST = 1e-8
LIMITS = (np.log(1e-9), np.log(1e3))
LITTLE_NOISE = 0.01


@dataclass(frozen=True, slots=True)
class Slope:
    """The evidence of one hypothesis as a function of the logarithms of its variances.

    Args:
        grams: of the samples, shape (B, n, n).
        residual: shape (n,).
        growing, alike, known: by what the two variances of noise are multiplied in each sample,
            and what is added to them, shape (n,) each.
    """

    grams: Floats
    residual: Floats
    growing: Floats
    alike: Floats
    known: Floats

    @classmethod
    def of(cls, one: Hypotheses, samples: Samples) -> Slope:
        """Of a single hypothesis."""
        is_log, squared = bool(one.is_log[0]), samples.relative**2
        unit = np.ones_like(squared) if is_log else squared
        return cls(
            samples.design.grams(is_log),
            residuals(one, samples)[0],
            unit,
            unit / squared,
            unit * samples.known**2,
        )

    def scatter(self, logs: Floats) -> Floats:
        """Variance of each sample's noise, shape (n,)."""
        alike, growing = np.exp(logs[-2:])
        return np.asarray(growing * self.growing + alike * self.alike + self.known + JITTER)

    def trust(self, logs: Floats, trust: Floats) -> Floats:
        """Weights of the samples, from the weights before, shape (n,)."""
        base = self.scatter(logs)
        covariance = np.tensordot(np.exp(logs[:-2]), self.grams, axes=1)
        return explain(covariance, base / trust, self.residual).trust(base)

    def __call__(self, logs: Floats, trust: Floats) -> tuple[float, Floats]:
        """Minus the logarithm of the evidence, and its gradient, shape (B + 2,)."""
        from scipy.linalg import cholesky, lapack

        parts, scatter = np.exp(logs), self.scatter(logs) / trust
        covariance = np.tensordot(parts[:-2], self.grams, axes=1)
        covariance[np.diag_indices_from(covariance)] += scatter
        factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        inverse, _ = lapack.dpotri(factor, lower=True)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        ones, white = inverse.sum(axis=1), inverse @ self.residual
        found = explained(scatter, self.residual, ones, white, np.diag(inverse))
        evidence = found.log_density(2 * np.log(np.diag(factor)).sum(), self.residual)
        pull = np.outer(found.coefficients, found.coefficients) - inverse
        pull += np.outer(ones, ones) / found.precision
        by_block = 0.5 * np.tensordot(self.grams, pull, axes=([1, 2], [0, 1]))
        own = 0.5 * np.diag(pull) / trust
        slope = parts * np.concatenate([by_block, [own @ self.alike, own @ self.growing]])
        return -float(evidence), -slope


def refine(one: Hypotheses, samples: Samples) -> Hypotheses:
    """A single hypothesis with the variances that make these samples most likely."""
    from scipy.optimize import minimize

    slope = Slope.of(one, samples)
    alike, growing = one.noise_parts
    begin = np.log(np.maximum(np.concatenate([one.variances[0], alike, growing]), LOWEST))

    def posterior(logs: Floats, trust: Floats) -> tuple[float, Floats]:
        value, gradient = slope(logs, trust)
        away = (logs - begin) / BREADTH
        return value + 0.5 * float(away @ away), gradient + away / BREADTH

    logs, trust = begin, np.ones(len(samples))
    for cycle in range(CYCLES):
        if cycle:
            trust = slope.trust(logs, slope.trust(logs, trust))
        climbed = minimize(
            posterior,
            logs,
            args=(trust,),
            jac=True,
            method="L-BFGS-B",
            bounds=[LIMITS] * len(begin),
            options={"maxiter": STEPS},
        )
        logs = climbed.x
    return _with_variances(one, np.exp(logs))


def afresh(one: Hypotheses, samples: Samples) -> Hypotheses:
    """The same mean with nothing presumed of what is left: blocks are alike, noise is little.

    What looked like noise in the samples that chose a hypothesis is a summit that climbing does not
    leave, whatever more samples show.
    """
    left = residuals(one, samples)[0].var() + LOWEST
    return replace(
        one,
        variances=np.full_like(one.variances, left / one.variances.shape[1]),
        noise=np.full_like(one.noise, LITTLE_NOISE),
        absolute=np.full_like(one.absolute, 0.5),
    )


def _with_variances(one: Hypotheses, parts: Floats) -> Hypotheses:
    alike, noise = parts[-2], parts[-2:].sum()
    return replace(
        one,
        variances=parts[None, :-2],
        noise=np.sqrt([noise]),
        absolute=np.array([alike / noise]),
    )
