"""Drawing the hypotheses of a prior: from what ranges, and in what proportions.

The proportions are those with which source devices, taken as targets, were predicted best from
3 to 20 samples; none matters much at 20.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.features.encoder import EXACT
from latkit.features.features import Features, Floats
from latkit.features.neighbours import NEIGHBOURS
from latkit.predictor.prior import FLOOR, Hypotheses, Prior

WHITENING_CUTOFF = 3e-3
SUBSAMPLE = 800
LEADING = ("flops", "launches")
"""Costs that most often explain a device alone."""
RARE = (NEIGHBOURS, EXACT)
"""Ends of names of blocks that few samples cannot tell."""


@dataclass(frozen=True, slots=True)
class HyperPrior:
    """From what hypotheses are drawn; chosen on source devices as pseudo-targets.

    Args:
        kinds: probabilities that the mean is made of one cost, of several costs, of several
            sources, of costs and sources, or of one source and a little cost.
        leading: odds that each of the leading costs (FLOPs, launches) is the only one; in a
            Dirichlet mix its weight is the square root of that.
        others: weight in such a mix of all other costs together.
        other_single: odds that any of the others is the only cost.
        constant: probability that there is a constant share.
        spread: Dirichlet weight of a block in the residual's variance.
        rare: the same of a block that few samples cannot tell.
        residual: range of the residual's variance relative to that of the mean, log-uniform.
        noise: range of the noise of a measurement of the median network, relative, log-uniform.
        absolute: Beta weights of the share of its variance that does not grow with latency.
    """

    kinds: tuple[float, ...] = (0.37, 0.29, 0.07, 0.11, 0.16)
    leading: tuple[float, ...] = (1.0, 2.0)
    others: float = 1.5
    other_single: float = 1.0
    constant: float = 0.5
    spread: float = 0.35
    rare: float = 0.05
    residual: tuple[float, float] = (0.01, 1.0)
    noise: tuple[float, float] = (0.005, 0.5)
    absolute: tuple[float, float] = (0.5, 0.5)


def draw_prior(
    features: Features,
    cost_names: Sequence[str],
    source_ms: Floats,
    rng: np.random.Generator,
    hypotheses: int = 2000,
    hyper: HyperPrior | None = None,
) -> Prior:
    """Hypotheses for a space.

    Args:
        features: of a reference population of architectures.
        cost_names: of the columns of ``features.costs``.
        source_ms: median latency of every source, shape (S,).
        rng: of the draw.
        hypotheses: how many.
        hyper: from what they are drawn.
    """
    hyper = hyper or HyperPrior()
    leading = [cost_names.index(name) for name in LEADING if name in cost_names]
    costs = features.costs / (cost_mean := features.costs.mean(axis=0))
    sources = features.sources / (source_mean := features.sources.mean(axis=0))
    shares = _draw_shares(costs.shape[1], sources.shape[1], leading, rng, hypotheses, hyper)
    is_log = rng.random(hypotheses) < 0.5
    whitened = {scale: _whiten(np.log(sources) if scale else sources) for scale in (True, False)}
    names = tuple(features.blocks)
    centres = {name: features.blocks[name].mean(axis=0) for name in names}
    weights = [hyper.rare if name.endswith(RARE) else hyper.spread for name in names]
    split = rng.dirichlet([*[hyper.spread] * 3, *weights], hypotheses)
    size = _log_uniform(hyper.residual, rng, hypotheses)
    return Prior(
        cost_names=tuple(cost_names),
        block_names=names,
        cost_mean=cost_mean,
        cost_std=costs.std(axis=0),
        source_mean=source_mean,
        source_centre={scale: found[0] for scale, found in whitened.items()},
        source_scale={scale: found[1] for scale, found in whitened.items()},
        whitening={scale: found[2] for scale, found in whitened.items()},
        block_centre=centres,
        block_scale={name: _norm(features.blocks[name] - centres[name]) for name in names},
        hypotheses=Hypotheses(
            shares=shares,
            is_log=is_log,
            variances=split * (size * _mean_variance(costs, sources, shares, is_log, rng))[:, None],
            noise=_log_uniform(hyper.noise, rng, hypotheses),
            absolute=rng.beta(*hyper.absolute, hypotheses),
        ),
        counts_launches=np.array([name.endswith("launches") for name in cost_names]),
        source_ms=source_ms,
    )


def _draw_shares(
    costs: int,
    sources: int,
    leading: Sequence[int],
    rng: np.random.Generator,
    hypotheses: int,
    hyper: HyperPrior,
) -> Floats:
    others = max(costs - len(leading), 1)
    weight, odds = (
        np.full(costs, hyper.others / others),
        np.full(costs, hyper.other_single / others),
    )
    for column, lead in zip(leading, hyper.leading, strict=False):
        weight[column], odds[column] = lead**0.5, lead
    mixed = rng.dirichlet(weight, hypotheses)
    single = np.eye(costs)[rng.choice(costs, hypotheses, p=odds / odds.sum())]
    several = rng.dirichlet(np.ones(sources), hypotheses)
    one = np.eye(sources)[rng.integers(sources, size=hypotheses)]
    half, little = rng.random((hypotheses, 1)), rng.beta(0.5, 3.0, (hypotheses, 1))
    nothing = [np.zeros((hypotheses, count)) for count in (costs, sources)]
    made_of = [
        (single, nothing[1]),
        (mixed, nothing[1]),
        (nothing[0], several),
        (half * mixed, (1 - half) * several),
        (little * mixed, (1 - little) * one),
    ]
    kinds = rng.choice(len(made_of), hypotheses, p=hyper.kinds)
    varying = np.stack([np.hstack(pair) for pair in made_of])[kinds, np.arange(hypotheses)]
    has_constant = rng.random(hypotheses) < hyper.constant
    constant = (has_constant * rng.beta(1.0, 1.5, hypotheses))[:, None]
    return np.hstack([constant, (1 - constant) * varying])


def _log_uniform(limits: tuple[float, float], rng: np.random.Generator, count: int) -> Floats:
    low, high = np.log(limits)
    return np.exp(rng.uniform(low, high, count))


def _whiten(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Centre, scale, and the matrix after which every direction of the sources is alike."""
    centre, scale = values.mean(axis=0), values.std(axis=0)
    _, singular, right = np.linalg.svd((values - centre) / scale, full_matrices=False)
    kept = singular > WHITENING_CUTOFF * singular[0]
    return centre, scale, right[kept].T / singular[kept] * np.sqrt(len(values) / kept.sum())


def _norm(centred: Floats) -> float:
    return float(np.sqrt((centred**2).sum(axis=1).mean()))


def _mean_variance(
    costs: Floats,
    sources: Floats,
    shares: Floats,
    is_log: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Floats:
    chosen = rng.choice(len(costs), min(len(costs), SUBSAMPLE), replace=False)
    parts = np.hstack([np.ones((len(chosen), 1)), costs[chosen], sources[chosen]])
    means = np.maximum(parts @ shares.T, FLOOR)
    variance: Floats = np.where(is_log, np.log(means), means).var(axis=0)
    return variance
