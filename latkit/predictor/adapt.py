"""Few-shot adaptation: from a handful of latencies on a device to all of them, in closed form.

The counterpart of section 4.4 of NASFLAT (fine-tuning on about 20 samples). Needs numpy and
scipy alone and takes well under a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latkit.errors import MeasurementsUnusable
from latkit.features.features import Features, Floats
from latkit.latencies import Latencies
from latkit.plural import counted
from latkit.predictor.evidence import Fits, targets, weigh
from latkit.predictor.posterior import LEVEL, Z_LEVEL, Model, collapse
from latkit.predictor.prior import Design, Prior
from latkit.predictor.runtime import FEW_SAMPLES
from latkit.spaces.base import Indices

if TYPE_CHECKING:
    from latkit.predictor.bundle import Bundle

MIN_SAMPLES = 3
DEFAULT_NOISE = 0.01
SCREENED = 40
"""From so many samples on, all hypotheses are weighed on this many of them first."""
CALIBRATION = 0.9
"""Source devices taken as targets stayed within their intervals too often without it."""
CONFORMAL_PRIOR = 30
SCALE_RANGE = (1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Adapted:
    """A predictor of one device.

    ``scale`` widens or narrows intervals so that they would have held the samples; ``notes`` tell
    a person what to keep in mind; ``source_share`` is how much of the prediction's mean rests on
    source devices rather than on costs.
    """

    bundle: Bundle
    model: Model
    scale: float
    source_share: float
    samples: int
    notes: tuple[str, ...]

    def predict(self, operations: Indices) -> Latencies:
        """Latencies of architectures given as operation indices, shape (n, positions)."""
        return Latencies(*self.bounds(self.bundle.features(operations)))

    def bounds(self, features: Features) -> tuple[Floats, Floats, Floats]:
        """Centre and interval in ms of n architectures, or stand-ins for them; shape (n,) each."""
        return self.model.bounds(self.bundle.prior.design(features), self.scale)


def adapt(
    bundle: Bundle, operations: Indices, latency_ms: Floats, noise: Floats | None = None
) -> Adapted:
    """Adapt a pretrained bundle to a device.

    Args:
        bundle: of the space.
        operations: indices of the measured architectures, shape (n, positions).
        latency_ms: their latencies, shape (n,).
        noise: relative standard error of each latency, shape (n,); NaN where unknown.

    Raises:
        MeasurementsUnusable: fewer than three different architectures, or a latency that is none.
    """
    latency_ms = np.asarray(latency_ms, dtype=np.float64)
    _require_usable(operations, latency_ms)
    known = np.full(len(latency_ms), DEFAULT_NOISE) if noise is None else np.asarray(noise, float)
    known = np.where(np.isfinite(known), known, DEFAULT_NOISE)
    design = bundle.prior.design(bundle.features(operations))
    median_ms = float(np.median(latency_ms))
    fits = fit(bundle.prior, design, latency_ms / median_ms, known, median_ms)
    share = _source_share(bundle.prior, fits, len(bundle.prior.cost_mean))
    return Adapted(
        bundle=bundle,
        model=collapse(bundle.prior, fits, design, median_ms, float(np.median(known))),
        scale=CALIBRATION * _conformal_scale(bundle.prior, fits, design, latency_ms / median_ms),
        source_share=share,
        samples=len(latency_ms),
        notes=_notes(len(latency_ms), share),
    )


def fit(prior: Prior, design: Design, relative: Floats, noise: Floats, median_ms: float) -> Fits:
    """Weigh all hypotheses; where samples are many, only the promising ones on all of them."""
    chosen, odds = np.arange(len(prior.noise)), prior.log_odds(median_ms)
    count = len(relative)
    if count > SCREENED:
        first = _take(design, slice(SCREENED))
        screened = weigh(prior, first, relative[:SCREENED], noise[:SCREENED], chosen, odds)
        most = max(50, int(len(chosen) * (SCREENED / count) ** 2))
        chosen = chosen[np.argsort(-screened.weights)[:most]]
    return weigh(prior, design, relative, noise, chosen, odds[chosen])


def _take(design: Design, rows: slice) -> Design:
    log, ms = (tuple(block[rows] for block in blocks) for blocks in (design.log, design.ms))
    return Design(design.shares[rows], log, ms)


def _require_usable(operations: Indices, latency_ms: Floats) -> None:
    if not np.all(np.isfinite(latency_ms) & (latency_ms > 0)):
        raise MeasurementsUnusable("a latency to adapt to is not a positive number of ms")
    different = len(np.unique(operations, axis=0))
    if different < MIN_SAMPLES:
        raise MeasurementsUnusable(
            f"adapting needs at least {MIN_SAMPLES} measured networks, there are {different}",
            "measure more: 20 give a good predictor, 10 a fair one",
        )


def _source_share(prior: Prior, fits: Fits, costs: int) -> float:
    shares = fits.weights @ prior.shares[fits.chosen]
    return float(shares[1 + costs :].sum() / max(shares[1:].sum(), 1e-12))


def _notes(samples: int, source_share: float) -> tuple[str, ...]:
    found = []
    if samples < FEW_SAMPLES:
        few = counted(samples, "measurement")
        found.append(f"only {few}: intervals are wide, measure 20 if you can")
    if source_share < 0.1:
        found.append("no device known so far resembles this one; predictions rest on costs")
    return tuple(found)


def _conformal_scale(prior: Prior, fits: Fits, design: Design, relative: Floats) -> float:
    """By how much intervals must be scaled to hold the samples when each is left out.

    Leave-one-out means and variances of a Gaussian process are closed form. The factor that
    the samples ask for is shrunk towards 1, as few samples tell little of a tail.
    """
    inverse = np.swapaxes(fits.whitener, 1, 2) @ fits.whitener
    ones = inverse.sum(axis=2)
    inverse = inverse - ones[:, :, None] * ones[:, None, :] / ones.sum(axis=1)[:, None, None]
    diagonal = np.maximum(np.einsum("kii->ki", inverse), 1e-12)
    residual = targets(prior, design, relative, fits.chosen)
    off = np.einsum("kij,kj->ki", inverse, residual) / diagonal
    unit = np.where(prior.is_log[fits.chosen, None], 1.0, relative)
    off, variance = off / unit, 1 / diagonal / unit**2
    centre = fits.weights @ off
    spread = fits.weights @ (variance + off**2) - centre**2
    scores = np.sort(np.abs(centre) / np.sqrt(spread))
    rank = min(len(scores) - 1, int(np.ceil(LEVEL * (len(scores) + 1))) - 1)
    wanted = scores[rank] / Z_LEVEL
    count = len(scores)
    shrunk = np.exp(count * np.log(max(wanted, 1e-3)) / (count + CONFORMAL_PRIOR))
    return float(np.clip(shrunk, *SCALE_RANGE))
