"""What a hypothesis would be of a runtime that runs another variant of a network.

Where a space has dead operations, costs and kernel blocks come in variants: of the network as it
is written, of what something flows into, of what is used, and of what is both
(``latkit.features.physical``). An eager runtime runs the first, a compiler the last. A handful of
samples cannot tell, and few hypotheses of a prior are of one variant alone; where there are
samples enough to tell, those that fit are tried as hypotheses of every variant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from latkit.features.features import Floats
from latkit.features.physical import PREFIXES
from latkit.predictor.prior import Hypotheses, Prior
from latkit.spaces.base import Indices


@dataclass(frozen=True, slots=True)
class Variants:
    """Where the shares and variances of a hypothesis go if it is one of a single variant.

    Args:
        costs: by variant, the column to which the share of each cost goes, shape (V, C).
        blocks: the same for the variances of all kernel blocks, shape (V, B).
    """

    costs: Indices
    blocks: Indices

    @classmethod
    def of(cls, prior: Prior) -> Variants:
        """Those of the space that a prior is of; a space without dead operations has none."""
        has_variants = any(_stem(name) != name for name in prior.cost_names + prior.block_names)
        prefixes = PREFIXES if has_variants else ()
        common = prior.hypotheses.variances.shape[1] - len(prior.block_names)
        blocks = ("",) * common + prior.block_names
        return cls(_columns(prior.cost_names, prefixes), _columns(blocks, prefixes))

    def __len__(self) -> int:
        return len(self.costs)

    def mixed(self, hypotheses: Hypotheses, share: float, rng: np.random.Generator) -> Hypotheses:
        """The hypotheses, of which so large a share are made ones of a single variant each."""
        if not len(self):
            return hypotheses
        rows = np.flatnonzero(rng.random(len(hypotheses)) < share)
        chosen = rng.integers(len(self), size=len(rows))
        shares, variances = hypotheses.shares.copy(), hypotheses.variances.copy()
        costs = slice(1, 1 + self.costs.shape[1])
        shares[rows, costs] = _moved(shares[rows, costs], self.costs[chosen])
        variances[rows] = _moved(variances[rows], self.blocks[chosen])
        return replace(hypotheses, shares=shares, variances=variances)


def _columns(names: Sequence[str], prefixes: Sequence[str]) -> Indices:
    """Shape (V, N). What has no counterpart in a variant stays where it is."""
    at = {name: column for column, name in enumerate(names) if name}
    found = [
        [at.get(prefix + _stem(name), column) for column, name in enumerate(names)]
        for prefix in prefixes
    ]
    return np.array(found, dtype=np.int64).reshape(len(prefixes), len(names))


def _stem(name: str) -> str:
    return next((name.removeprefix(one) for one in PREFIXES[1:] if name.startswith(one)), name)


def _moved(values: Floats, columns: Indices) -> Floats:
    """Values, shape (n, N), added up in the columns to which they go, shape (n, N)."""
    moved = np.zeros_like(values)
    np.add.at(moved, (np.arange(len(values))[:, None], columns), values)
    return moved
