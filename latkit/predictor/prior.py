"""The prior of the Bayesian adapter: many hypotheses of how a device spends its time.

A hypothesis says how the time of an average network splits into shares: a constant, physical
costs, source devices; whether the residual of that mean is a Gaussian process in milliseconds or
in their logarithm; over which feature blocks the residual is spread, and how large it is; and how
noisy a measurement is. The mean is positive and calibrated by construction,

    m(a) = w_0 + sum_k w_k c_k(a) / mean(c_k) + sum_d w_d s_d(a) / mean(s_d),  w >= 0, sum w = 1,

so that even three samples, which only fix its scale, give a useful ranking. Sampled hypotheses
are weighed by their evidence (``latkit.predictor.evidence``), which averages over everything
that would otherwise be a hyper-parameter to be tuned. How fast a device is says something before
any comparison of architectures: launching a kernel takes microseconds, not milliseconds, and
devices that spend their time alike are about as fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.features.features import Features, Floats

FLOOR = 0.03
"""No architecture is predicted below this share of the mean (an empty cell has no FLOPs)."""
LAUNCH_MS = (0.05, 0.08)
LAUNCH_FACTOR = 0.3
LAUNCH_LIMIT = 4.0
"""An eager runtime's launches take this long. Slower ones are implausible on this scale of their
logarithm, up to this multiple; and a device that is faster hardly waits for launches.
"""
SPEED_FACTOR = 0.4
SPEED_TAIL = 2.0
"""Scale and degrees of freedom of the log of how much slower than its sources a device is."""


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

    def grams(self, is_log: bool) -> Floats:
        """Inner products of the architectures in every block of a scale, shape (B, n, n)."""
        return np.stack([block @ block.T for block in self.of(is_log)])

    def take(self, rows: slice | NDArray[np.int64]) -> Design:
        """Some of the architectures."""
        log, ms = (tuple(block[rows] for block in blocks) for blocks in (self.log, self.ms))
        return Design(self.shares[rows], log, ms)


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """K hypotheses of how a device spends its time.

    Args:
        shares: of an average network's time, shape (K, 1 + C + S).
        is_log: whether the residual is one of logarithms, shape (K,).
        variances: of the residual, by kernel block, shape (K, B).
        noise: of a measurement of the median network, relative, shape (K,).
        absolute: share of the noise's variance that is the same for all networks in ms (timer,
            launches, rounding); the rest grows with latency. Shape (K,), from 0 to 1.
    """

    shares: Floats
    is_log: NDArray[np.bool_]
    variances: Floats
    noise: Floats
    absolute: Floats

    def __len__(self) -> int:
        return len(self.noise)

    def take(self, rows: NDArray[np.int64]) -> Hypotheses:
        """Some of them."""
        return Hypotheses(*(getattr(self, name)[rows] for name in HYPOTHESES))

    @classmethod
    def concatenate(cls, parts: Sequence[Hypotheses]) -> Hypotheses:
        """Inverse of taking them apart."""
        return cls(*(np.concatenate([getattr(x, name) for x in parts]) for name in HYPOTHESES))

    def mean(self, design: Design) -> Floats:
        """Mean of n architectures under each, in units of the median, shape (K, n)."""
        return np.maximum(self.shares @ design.shares.T, FLOOR)

    def scatter(self, relative: Floats, known: Floats) -> Floats:
        """Variance of measurements under each hypothesis, in its scale, shape (K, n).

        Args:
            relative: the latencies in units of their median, shape (n,).
            known: relative standard error of each measurement, shape (n,).
        """
        alike, growing = self.noise_parts
        squared = relative**2
        variance = growing[:, None] + alike[:, None] / squared + known**2
        return np.where(self.is_log[:, None], variance, variance * squared)

    @property
    def noise_parts(self) -> tuple[Floats, Floats]:
        """Variances of the noise at the median: what is the same for all networks, and the rest."""
        variance = self.noise**2
        return variance * self.absolute, variance * (1 - self.absolute)


HYPOTHESES = ("shares", "is_log", "variances", "noise", "absolute")


@dataclass(frozen=True)
class Prior:
    """Hypotheses, and the constants that bring features to their scale.

    C costs, S sources, B kernel blocks: whitened and plain sources, linear costs,
    and those of the features in the order of ``block_names``. ``source_ms`` are the sources'
    median latencies; ``counts_launches`` tells which costs are numbers of kernels.
    """

    cost_names: tuple[str, ...]
    block_names: tuple[str, ...]
    cost_mean: Floats
    cost_std: Floats
    source_mean: Floats
    source_centre: Mapping[bool, Floats]
    source_scale: Mapping[bool, Floats]
    whitening: Mapping[bool, Floats]
    block_centre: Mapping[str, Floats]
    block_scale: Mapping[str, float]
    hypotheses: Hypotheses
    counts_launches: NDArray[np.bool_]
    source_ms: Floats

    def log_odds(self, hypotheses: Hypotheses, median_ms: float) -> Floats:
        """How plausible hypotheses are for a device of this median latency, shape (K,)."""
        low, high = LAUNCH_MS
        launched = hypotheses.shares[:, 1 : 1 + len(self.cost_mean)] * self.counts_launches
        launch_ms = median_ms / self.cost_mean
        slow = np.log(np.clip(launched @ launch_ms / high, 1, LAUNCH_LIMIT))
        fast = np.log(np.clip(launch_ms / low, 1 / LAUNCH_LIMIT, 1))
        odds: Floats = -0.5 * (slow**2 + launched @ fast**2) / LAUNCH_FACTOR**2
        ratio = np.log(median_ms / self.source_ms)
        unlike = hypotheses.shares[:, -len(ratio) :] @ ratio**2 / SPEED_FACTOR**2
        odds -= 0.5 * SPEED_TAIL * np.log1p(unlike / SPEED_TAIL)
        return odds

    def design(self, features: Features) -> Design:
        """The features of n architectures, or stand-ins for them, in the form of the model."""
        costs = features.costs / self.cost_mean
        sources = features.sources / self.source_mean
        linear = (costs - 1) / (self.cost_std * np.sqrt(len(self.cost_mean)))
        common = [linear, *(self._block(name, features.blocks[name]) for name in self.block_names)]
        scaled = {True: np.log(sources), False: sources}
        blocks = {scale: (*self._sources(scaled[scale], scale), *common) for scale in scaled}
        shares = np.concatenate([np.ones_like(costs[:, [0]]), costs, sources], axis=1)
        return Design(shares, blocks[True], blocks[False])

    def _block(self, name: str, values: Floats) -> Floats:
        return (values - self.block_centre[name]) / self.block_scale[name]

    def _sources(self, values: Floats, scale: bool) -> tuple[Floats, Floats]:
        standard = (values - self.source_centre[scale]) / self.source_scale[scale]
        return standard / np.sqrt(len(self.source_mean)), standard @ self.whitening[scale]

    def tensors(self) -> dict[str, Floats]:
        """All numbers, by name, for a safetensors file."""
        found = {name: getattr(self, name) for name in _SCALES}
        found |= {name: getattr(self.hypotheses, name) for name in HYPOTHESES}
        found = {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}
        for scale in (True, False):
            for name in _BY_SCALE:
                found[f"{name}.{_suffix(scale)}"] = getattr(self, name)[scale]
        for name in self.block_names:
            found[f"block_centre.{name}"] = self.block_centre[name]
            found[f"block_scale.{name}"] = np.array([self.block_scale[name]])
        return {name: np.ascontiguousarray(values) for name, values in found.items()}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Floats], cost_names: Iterable[str], block_names: Iterable[str]
    ) -> Prior:
        """Inverse of ``tensors``; raises KeyError where one is missing."""
        names = tuple(block_names)
        by_scale = {
            name: {scale: tensors[f"{name}.{_suffix(scale)}"] for scale in (True, False)}
            for name in _BY_SCALE
        }
        return cls(
            cost_names=tuple(cost_names),
            block_names=names,
            cost_mean=tensors["cost_mean"],
            cost_std=tensors["cost_std"],
            source_mean=tensors["source_mean"],
            source_centre=by_scale["source_centre"],
            source_scale=by_scale["source_scale"],
            whitening=by_scale["whitening"],
            block_centre={name: tensors[f"block_centre.{name}"] for name in names},
            block_scale={name: float(tensors[f"block_scale.{name}"][0]) for name in names},
            hypotheses=Hypotheses(
                tensors["shares"],
                tensors["is_log"] > 0,
                tensors["variances"],
                tensors["noise"],
                tensors["absolute"],
            ),
            counts_launches=tensors["counts_launches"] > 0,
            source_ms=tensors["source_ms"],
        )


_SCALES = ("cost_mean", "cost_std", "counts_launches", "source_mean", "source_ms")
_BY_SCALE = ("source_centre", "source_scale", "whitening")


def _suffix(scale: bool) -> str:
    return "log" if scale else "ms"
