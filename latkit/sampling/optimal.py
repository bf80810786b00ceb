"""The networks whose latencies tell most about all others, by the adapter's own prior.

Before any measurement, the latencies of a population of architectures have a covariance: what the
hypotheses of the prior say of them, and by how much they may be wrong. A measurement explains a
part of it. The next network is the one after which the mean remaining variance is least: a greedy
A-optimal design (Chaloner & Verdinelli, "Bayesian Experimental Design: A Review", 1995). It
depends on no latency, so it can be drawn before anything is measured.
"""

from __future__ import annotations

import numpy as np

from latkit.features.additive import Floats
from latkit.predictor.prior import Design, Prior
from latkit.sampling.base import Choice, Rows

POPULATION = 800
"""So many architectures stand for the space, as its users would draw them."""
EXTREME = 2.5
"""Architectures that are so many times slower or faster than the median are not chosen."""


class Optimal:
    """A greedy A-optimal design, given what is measured; a longer one extends a shorter one."""

    looks_at_bundle = True

    def __call__(self, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
        """Rows of ``choice.candidates``, shape (n,), all different."""
        bundle = choice.look()
        if not n:
            return choice.open[:0]
        rows = rng.permutation(choice.open)
        # Half of a small pool, so that another seed is another draw.
        rows = rows[: max(n, min(POPULATION, len(rows) // 2))]
        population = np.concatenate([rows, choice.measured])
        design = bundle.prior.design(bundle.features(choice.candidates[population]))
        latent, noise = covariance(bundle.prior, design)
        latent = _given(latent, noise, np.arange(len(rows), len(population)))
        usual = _usual(bundle.prior, design.take(slice(len(rows))), n)
        return np.asarray(rows[_greedy(latent, noise, n, usual)])


def _usual(prior: Prior, design: Design, n: int) -> Rows:
    """Architectures of a latency that is not extreme: what these tell holds for few others."""
    mean = prior.hypotheses.mean(design).mean(axis=0)
    ratio = mean / np.median(mean)
    usual = np.flatnonzero((ratio > 1 / EXTREME) & (ratio < EXTREME))
    return usual if len(usual) >= n else np.arange(len(mean))


def covariance(prior: Prior, design: Design) -> tuple[Floats, float]:
    """Covariance of m latencies, relative to the average one, shape (m, m), and their noise.

    It has two parts: how the hypotheses' means differ from each other, and how latencies differ
    from these means. Latencies are freed from the device's speed, which says nothing of their
    order. In log-scale hypotheses a small difference of logarithms counts as a relative one.
    """
    every = prior.hypotheses
    parts = design.shares - design.shares.mean(axis=0)
    total = parts @ np.cov(every.shares.T) @ parts.T
    for variance, block in zip(every.variances.mean(axis=0), design.ms, strict=True):
        centred = block - block.mean(axis=0)
        total += variance * (centred @ centred.T)
    return total, float(np.median(every.noise) ** 2)


def _given(latent: Floats, noise: float, known: Rows) -> Floats:
    """What remains of a covariance when some of its rows are measured."""
    if not len(known):
        return latent
    among = latent[np.ix_(known, known)] + noise * np.eye(len(known))
    return np.asarray(latent - latent[:, known] @ np.linalg.solve(among, latent[known]))


def _greedy(latent: Floats, noise: float, n: int, candidates: Rows) -> Rows:
    """One after the other of the candidates, that which explains most of the variance of all."""
    chosen: list[int] = []
    for _ in range(n):
        own = latent.diagonal() + noise
        gain = np.full(len(latent), -np.inf)
        gain[candidates] = ((latent**2).sum(axis=0) / own)[candidates]
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        chosen.append(best)
        latent = latent - np.outer(latent[:, best], latent[best]) / own[best]
    return np.array(chosen, dtype=np.int64)
