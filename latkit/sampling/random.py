"""Any architecture, each as likely as the others."""

from __future__ import annotations

import numpy as np

from latkit.sampling.base import Choice, Rows


class Uniform:
    """A uniform draw without replacement; a longer draw from the same generator extends it."""

    looks_at_bundle = False

    def __call__(self, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
        """Rows of ``choice.candidates``, shape (n,), all different."""
        return rng.permutation(choice.open)[:n]
