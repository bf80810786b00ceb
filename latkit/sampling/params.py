"""Architectures spread evenly over their numbers of parameters (NASFLAT, section 4.3)."""

from __future__ import annotations

from functools import cache

import numpy as np

from latkit.features.additive import Floats, groups_of, tabulate
from latkit.sampling.base import Choice, Rows
from latkit.spaces.base import Space


class ByParams:
    """One architecture from each of ``n`` slices of equal size, ordered by parameters.

    Within a slice the draw is random, so that ties and near-ties are no bias.
    """

    looks_at_bundle = False

    def __call__(self, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
        """Rows of ``choice.candidates``, shape (n,), all different."""
        rows = rng.permutation(choice.open)
        hits = groups_of(choice.space).onehot(choice.candidates[rows])
        sizes = hits.astype(float) @ _table(choice.space)
        ordered = rows[np.argsort(sizes, kind="stable")]
        slices = np.array_split(ordered, n) if n else []
        chosen = np.array([rng.choice(part) for part in slices], dtype=np.int64)
        return rng.permutation(chosen)


@cache
def _table(space: Space) -> Floats:
    """Parameters by joint one-hot column; the seed only picks where the table is verified."""

    def count(row: Rows) -> Floats:
        return np.array([float(space.network(space.from_indices(row)).params)])

    return tabulate(space, count, np.random.default_rng(0))[:, 0]
