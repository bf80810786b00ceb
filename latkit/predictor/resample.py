"""Drawing more hypotheses near the best, where samples tell more than the first draw can hold.

Twenty samples of a device that no source resembles may leave one hypothesis of thousands, and
that one is none too good. So its neighbourhood is drawn from, and weighed again: adaptive
importance sampling (Cappe et al., "Population Monte Carlo", 2004). Where many hypotheses still
share the weight, as after three samples, there is nothing to be gained, and nothing is drawn.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from latkit.features.features import Floats
from latkit.predictor.evidence import Fits, Samples, weigh
from latkit.predictor.prior import Hypotheses, Prior
from latkit.predictor.variants import Variants

ROUNDS = 3
COUNT, KEPT = 400, 100
"""So many hypotheses are drawn in a round, and so many of those before are kept."""
LEAST_SAMPLES = 8
ENOUGH = 50
"""So many hypotheses, by their effective number, are an average that needs no more."""
TEMPER = 0.5
"""The neighbourhood of a hypothesis is drawn from by this power of its probability."""
SHARES, VARIANCES, NOISE, ABSOLUTE = 0.3, 1.0, 0.5, 0.7
"""Steps, as standard deviations of logarithms; of log-odds in the last."""
SINGLE = 0.5
"""Share of those drawn that become hypotheses of one variant of a network alone."""
NOISE_RANGE = (5e-3, 1.0)
ABSOLUTE_RANGE = (0.01, 0.99)


def resample(
    prior: Prior, fits: Fits, samples: Samples, median_ms: float, rng: np.random.Generator
) -> Fits:
    """Fits of hypotheses of which enough are near the best."""
    variants = Variants.of(prior)
    for _ in range(ROUNDS if len(samples) >= LEAST_SAMPLES else 0):
        if 1 / np.square(fits.weights).sum() > ENOUGH:
            break
        best = fits.hypotheses.take(fits.best(KEPT))
        pool = Hypotheses.concatenate([best, _near(fits, variants, rng)])
        fits = weigh(pool, samples, prior.log_odds(pool, median_ms))
    return fits


def _near(fits: Fits, variants: Variants, rng: np.random.Generator) -> Hypotheses:
    odds = fits.weights**TEMPER
    drawn = fits.hypotheses.take(rng.choice(len(fits), COUNT, p=odds / odds.sum()))
    drawn = variants.mixed(drawn, SINGLE, rng)
    shares = _moved(drawn.shares, SHARES, rng)
    absolute = np.clip(drawn.absolute, *ABSOLUTE_RANGE)
    moved = _moved(absolute / (1 - absolute), ABSOLUTE, rng)
    return replace(
        drawn,
        shares=shares / shares.sum(axis=1, keepdims=True),
        variances=_moved(drawn.variances, VARIANCES, rng),
        noise=np.clip(_moved(drawn.noise, NOISE, rng), *NOISE_RANGE),
        absolute=moved / (1 + moved),
    )


def _moved(values: Floats, step: float, rng: np.random.Generator) -> Floats:
    return np.asarray(values * np.exp(step * rng.standard_normal(values.shape)))
