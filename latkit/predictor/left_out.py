"""What every sample would have been predicted to be without it: closed form, no refitting.

Leave-one-out means and variances of a Gaussian process are its dual weights and the diagonal of
its inverse covariance (Rasmussen & Williams, 2006, section 5.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latkit.features.features import Floats
from latkit.latencies import LEVEL
from latkit.predictor.evidence import Fits, Samples
from latkit.predictor.posterior import HEAVY_TAIL, Z_LEVEL

CALIBRATION = 0.95
"""Source devices taken as targets stayed within their intervals too often without it."""
CONFORMAL_PRIOR = 30
WIDEST = 2.0
TELLING = 24
"""So many samples may not narrow intervals, twice as many by half: few tell little of a tail."""
NARROWEST = 0.4


@dataclass(frozen=True, slots=True)
class Expected:
    """The median of relative errors, and what nine of ten stay within."""

    median_error: float
    most_within: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Samples, each predicted from all others.

    Args:
        error: relative, shape (n,).
        score: the same in standard deviations of what was predicted, shape (n,).
    """

    error: Floats
    score: Floats

    @classmethod
    def of(cls, fits: Fits, samples: Samples) -> LeftOut:
        """The average of all hypotheses, matched by a single normal."""
        hypotheses = fits.hypotheses
        unit = np.where(hypotheses.is_log[:, None], 1.0, samples.relative)
        diagonal = np.maximum(fits.diagonal, 1e-12)
        noise = HEAVY_TAIL * hypotheses.scatter(samples.relative, samples.known)
        variance = np.maximum(1 / diagonal - fits.scatter, 0) + noise
        off, variance = fits.coefficients / diagonal / unit, variance / unit**2
        centre = fits.weights @ off
        spread = fits.weights @ (variance + off**2) - centre**2
        return cls(np.abs(centre), np.abs(centre) / np.sqrt(spread))

    @property
    def expected(self) -> Expected:
        """How far predictions of networks that were not measured are likely to be off."""
        return Expected(float(np.median(self.error)), float(np.quantile(self.error, LEVEL)))

    @property
    def scale(self) -> float:
        """By how much intervals must be scaled to hold the samples when each is left out.

        The factor that the samples ask for is shrunk towards 1.
        """
        scores, count = np.sort(self.score), len(self.score)
        rank = min(count - 1, int(np.ceil(LEVEL * (count + 1))) - 1)
        wanted = scores[rank] / Z_LEVEL / CALIBRATION
        shrunk = np.exp(count * np.log(max(wanted, 1e-3)) / (count + CONFORMAL_PRIOR))
        least = max(NARROWEST, min(1.0, TELLING / count))
        return CALIBRATION * float(np.clip(shrunk, least, WIDEST))
