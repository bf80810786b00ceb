"""From weighed hypotheses to milliseconds with an interval, in a handful of matrix products.

The centre averages all hypotheses: within a scale they collapse into one linear function of the
kernel blocks and one table of mean functions. The spread, quadratic in the features, is taken
from a few representative hypotheses, matched by a single log-normal. What is computed for an
architecture takes arrays, or stand-ins of ``latkit.predictor.trace``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.features.features import Floats
from latkit.predictor.evidence import Fits
from latkit.predictor.prior import FLOOR, Design, Prior

Integers = NDArray[np.int64]

LEVEL = 0.9
Z_LEVEL = 1.6448536269514722
"""The probability that an interval claims, and its half-width in standard deviations."""
NEGLIGIBLE = 1e-4
SPREAD_BUDGET = 480
FEWEST, MOST = 8, 24
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
    """The variance in one scale from J hypotheses and n samples.

    ``landmarks`` are the samples' kernel blocks (n, D_b); ``variances`` (J, B); ``whiteners``
    (B * n, J * n) maps Gram rows to whitened ones; ``ones`` (J * n,) are the whitened ones;
    ``precision`` (J,) of the offset; ``noise`` (J,) variances; ``weights`` (J,).
    """

    shares: Floats
    offset: Floats
    coefficients: Floats
    landmarks: tuple[Floats, ...]
    variances: Floats
    whiteners: Floats
    ones: Floats
    precision: Floats
    noise: Floats
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


def collapse(
    prior: Prior, fits: Fits, design: Design, median_ms: float, measured_noise: float
) -> Model:
    """The posterior of weighed hypotheses.

    Args:
        prior: all hypotheses.
        fits: those that were fitted, and their weights.
        design: of the samples.
        median_ms: the unit of latency.
        measured_noise: relative standard error that a new measurement is expected to have.
    """
    centres = {}
    spreads = {}
    is_log = prior.is_log[fits.chosen]
    typical, frequency = _representatives(fits, SPREAD_BUDGET // len(design.shares))
    for scale in (True, False):
        rows = np.flatnonzero((is_log == scale) & (fits.weights > NEGLIGIBLE * fits.weights.max()))
        if len(rows):
            centres[scale] = _centre(prior, fits, design, rows, scale)
        own = is_log[typical] == scale
        if own.any():
            spreads[scale] = _spread(
                prior, fits, design, typical[own], frequency[own], scale, measured_noise
            )
    total = sum(part.weight for part in centres.values())
    centres = {
        scale: Centre(
            part.weight / total, part.shares, part.weights, part.offset, part.coefficients
        )
        for scale, part in centres.items()
    }
    return Model(median_ms, centres, spreads)


def _centre(prior: Prior, fits: Fits, design: Design, rows: Integers, scale: bool) -> Centre:
    weight = fits.weights[rows].sum()
    weights = fits.weights[rows] / weight
    hypotheses = fits.chosen[rows]
    dual = np.einsum("k,kb,kn->bn", weights, prior.variances[hypotheses], fits.coefficients[rows])
    coefficients = tuple(block.T @ own for block, own in zip(design.of(scale), dual, strict=True))
    offset = float(weights @ fits.offset[rows])
    return Centre(float(weight), prior.shares[hypotheses].T, weights, offset, coefficients)


def _representatives(fits: Fits, most: int) -> tuple[Integers, Floats]:
    """A few hypotheses and their frequencies that stand for all (systematic resampling)."""
    count = max(FEWEST, min(MOST, most))
    positions = (np.arange(count) + 0.5) / count
    drawn = np.searchsorted(np.cumsum(fits.weights), positions).clip(max=len(fits.weights) - 1)
    rows, times = np.unique(drawn, return_counts=True)
    return rows, times / count


def _spread(
    prior: Prior,
    fits: Fits,
    design: Design,
    rows: Integers,
    frequency: Floats,
    scale: bool,
    measured_noise: float,
) -> Spread:
    hypotheses = fits.chosen[rows]
    variances = prior.variances[hypotheses]
    count = len(design.shares)
    scaled = np.einsum("jb,jmn->bnjm", variances, fits.whitener[rows])
    ones = fits.whitener[rows].sum(axis=2)
    return Spread(
        shares=prior.shares[hypotheses].T,
        offset=fits.offset[rows],
        coefficients=np.einsum("jb,jn->bnj", variances, fits.coefficients[rows]).reshape(
            -1, len(rows)
        ),
        landmarks=design.of(scale),
        variances=variances,
        whiteners=scaled.reshape(variances.shape[1] * count, -1),
        ones=ones.reshape(-1),
        precision=(ones**2).sum(axis=1),
        noise=HEAVY_TAIL * (prior.noise[hypotheses] ** 2 + measured_noise**2),
        weights=frequency,
    )


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
    pairs = zip(design.of(scale), part.landmarks, strict=True)
    gram = np.concatenate([block @ landmarks.T for block, landmarks in pairs], axis=1)
    variance = _variance(part, design.of(scale), gram)
    mean = np.maximum(design.shares @ part.shares, FLOOR)
    residual = gram @ part.coefficients + part.offset
    if scale:
        return residual + np.log(mean), variance + part.noise
    centre = np.maximum(residual + mean, FLOOR)
    return np.log(centre), variance / (centre * centre) + part.noise


def _variance(part: Spread, blocks: tuple[Floats, ...], gram: Floats) -> Any:
    """Variance of the residual under each hypothesis, the offset's included, shape (n, J)."""
    own = np.concatenate([(x * x).sum(axis=1, keepdims=True) for x in blocks], axis=1)
    white = gram @ part.whiteners
    shape = (-1, len(part.weights), len(part.ones) // len(part.weights))
    along = (white * part.ones).reshape(*shape).sum(axis=2)
    explained = (white * white).reshape(*shape).sum(axis=2)
    offset = (1 - along) * (1 - along) / part.precision
    return np.maximum(own @ part.variances.T - explained + offset, 0)
