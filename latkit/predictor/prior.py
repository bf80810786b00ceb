"""The prior of the Bayesian adapter: many hypotheses of how a device spends its time.

A hypothesis says how the time of an average network splits into shares: a constant, physical
costs, source devices; whether the residual of that mean is a Gaussian process in milliseconds or
in their logarithm; over which feature blocks the residual is spread, and how large it is; and how
noisy a measurement is. The mean is positive and calibrated by construction,

    m(a) = w_0 + sum_k w_k c_k(a) / mean(c_k) + sum_d w_d s_d(a) / mean(s_d),  w >= 0, sum w = 1,

so that even three samples, which only fix its scale, give a useful ranking. Sampled hypotheses
are weighed by their evidence (``latkit.predictor.evidence``), which averages over everything
that would otherwise be a hyper-parameter to be tuned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.predictor.features import Features, Floats

FLOOR = 0.03
"""No architecture is predicted below this share of the mean (an empty cell has no FLOPs)."""
WHITENING_CUTOFF = 3e-3
SUBSAMPLE = 800


@dataclass(frozen=True, slots=True)
class Design:
    """Features in the form of the model, for n architectures.

    ``shares`` has shape (n, 1 + C + S); ``log`` and ``ms`` are the kernel blocks for residuals in
    either scale, each of shape (n, D_b), in the order of the prior's block variances.
    """

    shares: Floats
    log: tuple[Floats, ...]
    ms: tuple[Floats, ...]

    def of(self, is_log: bool) -> tuple[Floats, ...]:
        """The kernel blocks of one scale."""
        return self.log if is_log else self.ms


@dataclass(frozen=True)
class Prior:
    """Hypotheses, and the constants that bring features to their scale.

    M hypotheses, C costs, S sources, B kernel blocks: whitened and plain sources, linear costs,
    and those of the features in the order of ``block_names``.
    """

    block_names: tuple[str, ...]
    cost_mean: Floats
    cost_std: Floats
    source_mean: Floats
    source_centre: Mapping[bool, Floats]
    source_scale: Mapping[bool, Floats]
    whitening: Mapping[bool, Floats]
    block_centre: Mapping[str, Floats]
    block_scale: Mapping[str, float]
    shares: Floats
    is_log: NDArray[np.bool_]
    variances: Floats
    noise: Floats

    def design(self, features: Features) -> Design:
        """The features of n architectures in the form of the model."""
        costs = features.costs / self.cost_mean
        sources = features.sources / self.source_mean
        linear = (costs - 1) / self.cost_std / np.sqrt(costs.shape[1])
        common = [linear, *(self._block(name, features.blocks[name]) for name in self.block_names)]
        scaled = {True: np.log(sources), False: sources}
        blocks = {scale: (*self._sources(scaled[scale], scale), *common) for scale in scaled}
        shares = np.concatenate([np.ones((len(features), 1)), costs, sources], axis=1)
        return Design(shares, blocks[True], blocks[False])

    def _block(self, name: str, values: Floats) -> Floats:
        return (values - self.block_centre[name]) / self.block_scale[name]

    def _sources(self, values: Floats, scale: bool) -> tuple[Floats, Floats]:
        standard = (values - self.source_centre[scale]) / self.source_scale[scale]
        return standard / np.sqrt(standard.shape[1]), standard @ self.whitening[scale]

    def tensors(self) -> dict[str, Floats]:
        """All numbers, by name, for a safetensors file."""
        found = {
            name: np.asarray(getattr(self, name), dtype=np.float64)
            for name in ("cost_mean", "cost_std", "source_mean", *_HYPOTHESES)
        }
        for scale in (True, False):
            for name in _BY_SCALE:
                found[f"{name}.{_suffix(scale)}"] = getattr(self, name)[scale]
        for name in self.block_names:
            found[f"block_centre.{name}"] = self.block_centre[name]
            found[f"block_scale.{name}"] = np.array([self.block_scale[name]])
        return {name: np.ascontiguousarray(values) for name, values in found.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Floats], block_names: Iterable[str]) -> Prior:
        """Inverse of ``tensors``; raises KeyError where one is missing."""
        names = tuple(block_names)
        by_scale = {
            name: {scale: tensors[f"{name}.{_suffix(scale)}"] for scale in (True, False)}
            for name in _BY_SCALE
        }
        return cls(
            block_names=names,
            cost_mean=tensors["cost_mean"],
            cost_std=tensors["cost_std"],
            source_mean=tensors["source_mean"],
            source_centre=by_scale["source_centre"],
            source_scale=by_scale["source_scale"],
            whitening=by_scale["whitening"],
            block_centre={name: tensors[f"block_centre.{name}"] for name in names},
            block_scale={name: float(tensors[f"block_scale.{name}"][0]) for name in names},
            shares=tensors["shares"],
            is_log=tensors["is_log"] > 0,
            variances=tensors["variances"],
            noise=tensors["noise"],
        )


_HYPOTHESES = ("shares", "is_log", "variances", "noise")
_BY_SCALE = ("source_centre", "source_scale", "whitening")


def _suffix(scale: bool) -> str:
    return "log" if scale else "ms"


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
        residual: range of the residual's variance relative to that of the mean, log-uniform.
        noise: range of a measurement's relative noise, log-uniform.
    """

    kinds: tuple[float, ...] = (0.5, 0.2, 0.02, 0.13, 0.15)
    leading: tuple[float, ...] = (3.0, 1.0)
    others: float = 1.5
    other_single: float = 0.5
    constant: float = 0.5
    spread: float = 0.35
    residual: tuple[float, float] = (0.01, 1.0)
    noise: tuple[float, float] = (0.004, 0.25)


def draw_prior(
    features: Features,
    leading: Sequence[int],
    rng: np.random.Generator,
    hypotheses: int = 2000,
    hyper: HyperPrior | None = None,
) -> Prior:
    """Hypotheses for a space.

    Args:
        features: of a reference population of architectures.
        leading: columns of the costs that most often explain a device alone, FLOPs first.
        rng: of the draw.
        hypotheses: how many.
        hyper: from what they are drawn.
    """
    hyper = hyper or HyperPrior()
    costs = features.costs / (cost_mean := features.costs.mean(axis=0))
    sources = features.sources / (source_mean := features.sources.mean(axis=0))
    shares = _draw_shares(costs.shape[1], sources.shape[1], leading, rng, hypotheses, hyper)
    is_log = rng.random(hypotheses) < 0.5
    whitened = {scale: _whiten(np.log(sources) if scale else sources) for scale in (True, False)}
    names = tuple(features.blocks)
    centres = {name: features.blocks[name].mean(axis=0) for name in names}
    split = rng.dirichlet(np.full(3 + len(names), hyper.spread), hypotheses)
    size = _log_uniform(hyper.residual, rng, hypotheses)
    return Prior(
        block_names=names,
        cost_mean=cost_mean,
        cost_std=costs.std(axis=0),
        source_mean=source_mean,
        source_centre={scale: found[0] for scale, found in whitened.items()},
        source_scale={scale: found[1] for scale, found in whitened.items()},
        whitening={scale: found[2] for scale, found in whitened.items()},
        block_centre=centres,
        block_scale={name: _norm(features.blocks[name] - centres[name]) for name in names},
        shares=shares,
        is_log=is_log,
        variances=split * (size * _mean_variance(costs, sources, shares, is_log, rng))[:, None],
        noise=_log_uniform(hyper.noise, rng, hypotheses),
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
