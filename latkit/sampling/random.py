"""Any architecture, each as likely as the others."""

from __future__ import annotations

import numpy as np

from latkit.sampling.base import Choice, Rows


def uniform(choice: Choice, n: int, rng: np.random.Generator) -> Rows:
    """A uniform draw without replacement; a longer draw from the same generator extends it."""
    return rng.permutation(choice.open)[:n]
