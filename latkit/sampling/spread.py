"""Architectures spread over an encoding, by clusters or by angles (NASFLAT, section 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latkit.features.additive import Floats
from latkit.sampling.base import Choice, Rows
from latkit.sampling.encodings import COSTS, FEATURES, OPERATIONS, Encoding

POPULATION = 1000
"""So many architectures, at random, are chosen from."""
ROUNDS = 20
Pick = Callable[[Floats, int, np.random.Generator], Rows]
"""Chooses n of the rows of points, shape (m, d)."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A sampler that encodes what is open and picks ``n`` points of it.

    Args:
        pick: which points.
        encoding: over which they are spread.
    """

    pick: Pick
    encoding: Encoding

    @property
    def looks_at_bundle(self) -> bool:
        """As the encoding does."""
        return self.encoding.looks_at_bundle

    def __call__(self, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
        """Rows of ``choice.candidates``, shape (n,), all different."""
        rows = rng.permutation(choice.open)[: max(n, POPULATION)]
        if not n:
            return rows[:0]
        points = self.encoding.points(choice, choice.candidates[rows])
        return np.asarray(rows[self.pick(points, n, rng)])


def central(points: Floats, n: int, rng: np.random.Generator) -> Rows:
    """The point nearest to the centroid of each of n clusters (k-means)."""
    centroids = points[_seeds(points, n, rng)]
    for _ in range(ROUNDS):
        nearest = _distances(points, centroids).argmin(axis=1)
        filled, sizes = np.unique(nearest, return_counts=True)
        sums = np.zeros_like(centroids)
        np.add.at(sums, nearest, points)
        centroids[filled] = sums[filled] / sizes[:, None]
    return _one_each(_distances(points, centroids))


def _seeds(points: Floats, n: int, rng: np.random.Generator) -> Rows:
    """Points far from each other, at random (k-means++; Arthur & Vassilvitskii, 2007)."""
    chosen = [int(rng.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < n:
        off = points - points[chosen[-1]]
        distance = np.minimum(distance, (off**2).sum(axis=1))
        odds = distance + np.finfo(float).tiny
        odds[chosen] = 0
        chosen.append(int(rng.choice(len(points), p=odds / odds.sum())))
    return np.array(chosen, dtype=np.int64)


def unlike(points: Floats, n: int, rng: np.random.Generator) -> Rows:
    """One point after the other: that which is least cosine-similar to those picked."""
    directions = _directions(points)
    chosen = [int(rng.integers(len(points)))]
    closest = directions @ directions[chosen[0]]
    while len(chosen) < n:
        closest[chosen[-1]] = np.inf
        chosen.append(int(closest.argmin()))
        closest = np.maximum(closest, directions @ directions[chosen[-1]])
    return np.array(chosen, dtype=np.int64)


def central_directions(points: Floats, n: int, rng: np.random.Generator) -> Rows:
    """``central`` among directions: k-means under cosine similarity."""
    return central(_directions(points), n, rng)


def _directions(points: Floats) -> Floats:
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.maximum(length, np.finfo(float).tiny))


def _distances(points: Floats, centroids: Floats) -> Floats:
    """Squared distances, shape (m, n)."""
    own, other = ((rows**2).sum(axis=1) for rows in (points, centroids))
    return np.asarray(own[:, None] + other - 2 * points @ centroids.T)


def _one_each(distances: Floats) -> Rows:
    """A point for each column, the nearest that no earlier column has taken."""
    left = distances.copy()
    chosen = []
    for column in left.T:
        chosen.append(int(column.argmin()))
        left[chosen[-1]] = np.inf
    return np.array(chosen, dtype=np.int64)


KMEANS = Spread(central, FEATURES)
KMEANS_COSTS = Spread(central, COSTS)
KMEANS_OPERATIONS = Spread(central, OPERATIONS)
COSINE = Spread(unlike, FEATURES)
COSINE_COSTS = Spread(unlike, COSTS)
COSINE_OPERATIONS = Spread(unlike, OPERATIONS)
KMEANS_COSINE = Spread(central_directions, FEATURES)
KMEANS_COSINE_COSTS = Spread(central_directions, COSTS)
KMEANS_COSINE_OPERATIONS = Spread(central_directions, OPERATIONS)
