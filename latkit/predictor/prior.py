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

from collections.abc import Iterable, Mapping
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


@dataclass(frozen=True)
class Prior:
    """Hypotheses, and the constants that bring features to their scale.

    M hypotheses, C costs, S sources, B kernel blocks: whitened and plain sources, linear costs,
    and those of the features in the order of ``block_names``. ``source_ms`` are the sources'
    median latencies; ``counts_launches`` tells which costs are numbers of kernels.
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
    counts_launches: NDArray[np.bool_]
    source_ms: Floats

    def log_odds(self, median_ms: float) -> Floats:
        """How plausible the hypotheses are for a device of this median latency, shape (M,)."""
        low, high = LAUNCH_MS
        launched = self.shares[:, 1 : 1 + len(self.cost_mean)] * self.counts_launches
        launch_ms = median_ms / self.cost_mean
        slow = np.log(np.clip(launched @ launch_ms / high, 1, LAUNCH_LIMIT))
        fast = np.log(np.clip(launch_ms / low, 1 / LAUNCH_LIMIT, 1))
        odds: Floats = -0.5 * (slow**2 + launched @ fast**2) / LAUNCH_FACTOR**2
        ratio = np.log(median_ms / self.source_ms)
        unlike = self.shares[:, -len(ratio) :] @ ratio**2 / SPEED_FACTOR**2
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
        found = {
            name: np.asarray(getattr(self, name), dtype=np.float64)
            for name in (*_SCALES, *_HYPOTHESES)
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
            counts_launches=tensors["counts_launches"] > 0,
            source_ms=tensors["source_ms"],
        )


_HYPOTHESES = ("shares", "is_log", "variances", "noise")
_SCALES = ("cost_mean", "cost_std", "counts_launches", "source_mean", "source_ms")
_BY_SCALE = ("source_centre", "source_scale", "whitening")


def _suffix(scale: bool) -> str:
    return "log" if scale else "ms"
