"""From weighed hypotheses to milliseconds with an interval, in a handful of matrix products.

The centre averages all hypotheses: within a scale they collapse into one linear function of the
kernel blocks and one table of mean functions. The spread, quadratic in the features, is taken
from a few representative hypotheses, matched by a single log-normal. What is computed for an
architecture takes arrays, or stand-ins of ``latkit.predictor.trace``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.features.features import Floats
from latkit.predictor.evidence import Fits, Samples
from latkit.predictor.prior import FLOOR, Design

Integers = NDArray[np.int64]

Z_LEVEL = 1.6448536269514722
"""Half-width of an interval in standard deviations."""
NEGLIGIBLE = 1e-4
REPRESENTATIVES = 24
LANDMARKS = 60
"""So many samples fit a small file; what others add to them is taken on the average."""
MOST_OTHERS = 1000
LEAST_REMAINING = 1e-3
LOWEST_VARIANCE = 1e-8
HEAVY_TAIL = 1.5
"""Variance of the bulk of Student-t noise of 3 degrees of freedom, relative to its scale."""


@dataclass(frozen=True, slots=True)
class Centre:
    """The mean in one scale: shares (1 + C + S, K) of K hypotheses with weights (K,), an offset,
    and one coefficient vector (D_b,) a kernel block. ``weight`` is the scale's probability.
    """

    weight: float
    shares: Floats
    weights: Floats
    offset: float
    coefficients: tuple[Floats, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """The variance in one scale from J hypotheses and m samples, the landmarks.

    ``coefficients`` are of the means, (D_b, J) a kernel block; ``landmarks`` the samples' kernel
    blocks (m, D_b); ``variances`` (J, B); ``whiteners`` (J, m, m) whitens rows of covariances with
    them; ``ones`` (J, m, 1) are the whitened ones; ``precision`` (J,) is the offset's;
    ``remaining`` (J,) is how much of the variance all samples leave of what landmarks do;
    ``alike`` and ``growing`` (J,) are variances of the noise; ``weights`` (J,).
    """

    shares: Floats
    offset: Floats
    coefficients: tuple[Floats, ...]
    landmarks: tuple[Floats, ...]
    variances: Floats
    whiteners: Floats
    ones: Floats
    precision: Floats
    remaining: Floats
    alike: Floats
    growing: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class Model:
    """A posterior that can be evaluated for any design; ``median_ms`` is its unit of latency."""

    median_ms: float
    centres: dict[bool, Centre]
    spreads: dict[bool, Spread]

    def bounds(self, design: Design, widening: float) -> tuple[Floats, Floats, Floats]:
        """Centre and central interval in ms, each of shape (n,).

        ``widening`` is by how much the interval is wider than the posterior has it.
        """
        mean_ms = self.centre(design) * self.median_ms
        factor = np.exp(self.log_deviation(design) * (Z_LEVEL * widening))
        return mean_ms, mean_ms / factor, mean_ms * factor

    def centre(self, design: Design) -> Floats:
        """Posterior mean in units of ``median_ms``, shape (n,)."""
        parts = self.centres.items()
        centre: Floats = _total(_mean(part, design, scale) for scale, part in parts)
        return centre

    def log_deviation(self, design: Design) -> Floats:
        """Standard deviation of the logarithm of a new measurement, shape (n,)."""
        total = sum(float(part.weights.sum()) for part in self.spreads.values())
        found = [
            (*_moments(part, design, scale), part.weights / total)
            for scale, part in self.spreads.items()
        ]
        first = _total(mean @ weights for mean, _, weights in found)
        second = _total((variance + mean * mean) @ weights for mean, variance, weights in found)
        deviation: Floats = np.sqrt(np.maximum(second - first * first, LOWEST_VARIANCE))
        return deviation


def _total(terms: Iterable[Any]) -> Any:
    return reduce(add, terms)


def collapse(fits: Fits, samples: Samples, median_ms: float) -> Model:
    """The posterior of weighed hypotheses; ``median_ms`` is the unit of latency."""
    centres = {}
    spreads = {}
    is_log = fits.hypotheses.is_log
    landmarks = _landmarks(len(samples))
    typical, frequency = _representatives(fits)
    for scale in (True, False):
        rows = np.flatnonzero((is_log == scale) & (fits.weights > NEGLIGIBLE * fits.weights.max()))
        if len(rows):
            centres[scale] = _centre(fits, samples.design, rows, scale)
        own = is_log[typical] == scale
        if own.any():
            spreads[scale] = _spread(fits, samples, typical[own], frequency[own], landmarks)
    total = sum(part.weight for part in centres.values())
    centres = {scale: replace(part, weight=part.weight / total) for scale, part in centres.items()}
    return Model(median_ms, centres, spreads)


def _centre(fits: Fits, design: Design, rows: Integers, scale: bool) -> Centre:
    weight = fits.weights[rows].sum()
    weights = fits.weights[rows] / weight
    hypotheses = fits.hypotheses.take(rows)
    dual = np.einsum("k,kb,kn->bn", weights, hypotheses.variances, fits.coefficients[rows])
    coefficients = tuple(block.T @ own for block, own in zip(design.of(scale), dual, strict=True))
    offset = float(weights @ fits.offset[rows])
    return Centre(float(weight), hypotheses.shares.T, weights, offset, coefficients)


def _landmarks(samples: int) -> Integers:
    """Rows of the samples from which spreads are taken."""
    return np.unique(np.linspace(0, samples - 1, min(samples, LANDMARKS)).round().astype(np.int64))


def _representatives(fits: Fits) -> tuple[Integers, Floats]:
    """A few hypotheses and their frequencies that stand for all (systematic resampling)."""
    positions = (np.arange(REPRESENTATIVES) + 0.5) / REPRESENTATIVES
    drawn = np.searchsorted(np.cumsum(fits.weights), positions).clip(max=len(fits.weights) - 1)
    rows, times = np.unique(drawn, return_counts=True)
    return rows, times / REPRESENTATIVES


def _spread(
    fits: Fits, samples: Samples, rows: Integers, frequency: Floats, landmarks: Integers
) -> Spread:
    hypotheses = fits.hypotheses.take(rows)
    scale = bool(hypotheses.is_log[0])
    near, blocks = samples.design.take(landmarks), samples.design.of(scale)
    covariance = np.tensordot(hypotheses.variances, near.grams(scale), axes=1)
    diagonal = np.arange(len(landmarks))
    covariance[:, diagonal, diagonal] += fits.scatter[np.ix_(rows, landmarks)]
    whiteners = np.linalg.inv(np.linalg.cholesky(covariance))
    ones = whiteners.sum(axis=2)
    duals = hypotheses.variances.T[:, :, None] * fits.coefficients[rows]
    alike, growing = hypotheses.noise_parts
    found = Spread(
        shares=hypotheses.shares.T,
        offset=fits.offset[rows],
        coefficients=tuple(x.T @ dual.T for x, dual in zip(blocks, duals, strict=True)),
        landmarks=near.of(scale),
        variances=hypotheses.variances,
        whiteners=np.swapaxes(whiteners, 1, 2),
        ones=ones[:, :, None],
        precision=(ones**2).sum(axis=1),
        remaining=np.ones(len(rows)),
        alike=HEAVY_TAIL * alike,
        growing=HEAVY_TAIL * (growing + np.median(samples.known) ** 2),
        weights=frequency,
    )
    others = np.setdiff1d(np.arange(len(samples)), landmarks)[:MOST_OTHERS]
    if not len(others):
        return found
    left = 1 / fits.diagonal[np.ix_(rows, others)] - fits.scatter[np.ix_(rows, others)]
    told = _variance(found, samples.design.take(others).of(scale)).mean(axis=0)
    return replace(found, remaining=np.clip(left.mean(axis=1) / told, LEAST_REMAINING, 1))


def _mean(part: Centre, design: Design, scale: bool) -> Any:
    """What one scale adds to the centre, shape (n,)."""
    mean = np.maximum(design.shares @ part.shares, FLOOR)
    blocks = zip(design.of(scale), part.coefficients, strict=True)
    residual = _total(block @ weights for block, weights in blocks) + part.offset
    if scale:
        return np.exp(residual + np.log(mean) @ part.weights) * part.weight
    return np.maximum(residual + mean @ part.weights, FLOOR) * part.weight


def _moments(part: Spread, design: Design, scale: bool) -> tuple[Any, Any]:
    """Mean and variance of the log of a new measurement under each hypothesis, (n, J) both."""
    blocks = design.of(scale)
    variance = _variance(part, blocks) * part.remaining
    mean = np.maximum(design.shares @ part.shares, FLOOR)
    pairs = zip(blocks, part.coefficients, strict=True)
    residual = _total(block @ weights for block, weights in pairs) + part.offset
    log = residual + np.log(mean) if scale else np.log(np.maximum(residual + mean, FLOOR))
    inverse = np.exp(-2 * log)
    noise = part.growing + part.alike * inverse
    return log, (variance if scale else variance * inverse) + noise


def _variance(part: Spread, blocks: tuple[Floats, ...]) -> Any:
    """Variance of the residual under each hypothesis, the offset's included, shape (n, J)."""
    own = np.concatenate([(x * x).sum(axis=1, keepdims=True) for x in blocks], axis=1)
    pairs = zip(blocks, part.landmarks, strict=True)
    gram = np.concatenate([x @ landmarks.T for x, landmarks in pairs], axis=1)
    near = part.variances @ gram.reshape(-1, len(blocks), part.whiteners.shape[1])
    white = near.transpose(1, 0, 2) @ part.whiteners
    explained = (white * white).sum(axis=2).transpose(1, 0)
    along = (white @ part.ones).sum(axis=2).transpose(1, 0)
    offset = (1 - along) * (1 - along) / part.precision
    return np.maximum(own @ part.variances.T - explained + offset, 0)
