"""Few-shot adaptation: from a handful of latencies on a device to all of them, in closed form.

The counterpart of section 4.4 of NASFLAT (fine-tuning on about 20 samples). Needs numpy and
scipy alone; twenty samples take a fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from latkit.errors import MeasurementsUnusable
from latkit.features.features import Features, Floats
from latkit.latencies import Latencies
from latkit.plural import counted
from latkit.predictor.evidence import Fits, Samples, weigh
from latkit.predictor.left_out import Expected, LeftOut
from latkit.predictor.many import weigh_each
from latkit.predictor.posterior import Model, collapse
from latkit.predictor.prior import Hypotheses, Prior
from latkit.predictor.refine import afresh, refine
from latkit.predictor.resample import resample
from latkit.predictor.runtime import FEW_SAMPLES
from latkit.spaces.base import Indices

if TYPE_CHECKING:
    from latkit.predictor.bundle import Bundle

MIN_SAMPLES = 3
UNKNOWN_NOISE, WORST_NOISE = 5e-4, 10.0
"""Where a measurement's own error is not known, the hypotheses tell: next to nothing is added."""
PLAUSIBLE = (1e-6, 1e6)
"""Beyond this multiple of the median a latency counts as if it were there."""
SCREENED, PROMISING = 24, 500
"""Where samples are more, all hypotheses are weighed on so many first; so many of them go on."""
FEW = 48
"""Up to so many samples hypotheses that were drawn are averaged; more can refine them."""
REFINED, FEWEST_REFINED = 4, 2
SEED = 0
"""Of all that is drawn while adapting: the same samples give the same predictor."""
TELLING = 256
"""So many samples tell the variances of a hypothesis."""
WEIGHED = 1500
"""So many samples are weighed under all that is refined, within its limits."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """A predictor of one device.

    ``scale`` widens or narrows intervals so that they would have held the samples; ``expected`` is
    what leaving out each sample tells of errors; ``notes`` tell a person what to keep in mind;
    ``source_share`` is how much of the prediction's mean rests on source devices rather than on
    costs.
    """

    bundle: Bundle
    model: Model
    scale: float
    source_share: float
    samples: int
    expected: Expected
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
    known = np.full(len(latency_ms), UNKNOWN_NOISE) if noise is None else np.asarray(noise, float)
    known = np.where(np.isfinite(known), np.minimum(known, WORST_NOISE), UNKNOWN_NOISE)
    median_ms = float(np.median(latency_ms))
    design = bundle.prior.design(bundle.features(operations))
    relative = np.clip(latency_ms / median_ms, *PLAUSIBLE)
    samples = Samples(design, relative, known).take(_shuffled(operations))
    fits = fit(bundle.prior, samples, median_ms)
    left_out = LeftOut.of(fits, samples)
    share = _source_share(fits, len(bundle.prior.cost_mean))
    return Adapted(
        bundle=bundle,
        model=collapse(fits, samples, median_ms),
        scale=left_out.scale,
        source_share=share,
        samples=len(samples),
        expected=left_out.expected,
        notes=_notes(len(samples), share),
    )


def fit(prior: Prior, samples: Samples, median_ms: float) -> Fits:
    """Weigh all hypotheses; where samples are many, refine the best on ever more of them."""
    hypotheses = prior.hypotheses
    odds = prior.log_odds(hypotheses, median_ms)
    if len(samples) > SCREENED:
        best = weigh(hypotheses, samples.take(slice(SCREENED)), odds).best(PROMISING)
        hypotheses, odds = hypotheses.take(best), odds[best]
    if len(samples) <= FEW:
        drawn = weigh(hypotheses, samples, odds)
        return resample(prior, drawn, samples, median_ms, np.random.default_rng(SEED))
    screened = weigh(hypotheses, samples.take(slice(FEW)), odds)
    best = screened.best(max(FEWEST_REFINED, min(REFINED, WEIGHED // len(samples))))
    some = samples.take(slice(TELLING))
    begun = [hypotheses.take(row[None]) for row in best]
    begun.append(afresh(begun[0], some))
    refined = Hypotheses.concatenate([refine(one, some) for one in begun])
    return weigh_each(refined, samples, odds[[*best, best[0]]])


def _shuffled(operations: Indices) -> NDArray[np.int64]:
    """An order in which any first few samples stand for all, whatever the order they came in."""
    rows = np.ascontiguousarray(operations, dtype=np.int64)
    return np.argsort([crc32(row.tobytes()) for row in rows], kind="stable")


def _require_usable(operations: Indices, latency_ms: Floats) -> None:
    if not np.all(np.isfinite(latency_ms) & (latency_ms > 0)):
        raise MeasurementsUnusable("a latency to adapt to is not a positive number of ms")
    different = len(np.unique(operations, axis=0))
    if different < MIN_SAMPLES:
        raise MeasurementsUnusable(
            f"adapting needs at least {MIN_SAMPLES} measured networks, there are {different}",
            "measure more: 20 give a good predictor, 10 a fair one",
        )


def _source_share(fits: Fits, costs: int) -> float:
    shares = fits.weights @ fits.hypotheses.shares
    return float(shares[1 + costs :].sum() / max(shares[1:].sum(), 1e-12))


def _notes(samples: int, source_share: float) -> tuple[str, ...]:
    found = []
    if samples < FEW_SAMPLES:
        few = counted(samples, "measurement")
        found.append(f"only {few}: intervals are wide, measure 20 if you can")
    if source_share < 0.1:
        found.append("no device known so far resembles this one; predictions rest on costs")
    return tuple(found)
