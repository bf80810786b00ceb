"""Architectures spread evenly over their numbers of parameters (NASFLAT, section 4.3)."""

from __future__ import annotations

import numpy as np

from latkit.features.counts import counter
from latkit.sampling.base import Choice, Rows


class ByParams:
    """One architecture from each of ``n`` slices of equal size, ordered by parameters.

    Within a slice the draw is random, so that ties and near-ties are no bias.
    """

    looks_at_bundle = False

    def __call__(self, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
        """Rows of ``choice.candidates``, shape (n,), all different."""
        rows = rng.permutation(choice.open)
        sizes = counter(choice.space, "params")(choice.candidates[rows])
        ordered = rows[np.argsort(sizes, kind="stable")]
        slices = np.array_split(ordered, n) if n else []
        chosen = np.array([rng.choice(part) for part in slices], dtype=np.int64)
        return rng.permutation(chosen)
