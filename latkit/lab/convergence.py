"""When more measurements no longer change what is predicted.

Nothing is known of networks that were not measured, so the predictions for a population of the
space are compared with those that fewer measurements gave. The thresholds were chosen on source
devices as pseudo-targets (docs/measurement.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latkit.latencies import Latencies
from latkit.metrics import spearman

AGREEMENT = 0.995
CHANGE = 0.03
SHRINKAGE = 0.1
IN_A_ROW = 2
PRECISE = 0.04


@dataclass(frozen=True, slots=True)
class Step:
    """Predictions for a population after a batch of measurements.

    Args:
        networks: how many measurements they rest on.
        half_width: median half-width of the 90 % intervals, relative to the prediction.
        agreement: Spearman correlation with the predictions of the step before.
        change: median relative change since the step before.
        shrinkage: share of the half-width that went since the step before.

    The last three are None in the first step.
    """

    networks: int
    half_width: float
    agreement: float | None = None
    change: float | None = None
    shrinkage: float | None = None

    @property
    def precise(self) -> bool:
        """Whether intervals are narrow, and the order of predictions is known."""
        return self.half_width < PRECISE and (self.agreement or 0.0) > AGREEMENT

    @property
    def settled(self) -> bool:
        """Whether the measurements since the step before hardly mattered."""
        if self.agreement is None or self.change is None or self.shrinkage is None:
            return False
        return self.agreement > AGREEMENT and self.change < CHANGE and self.shrinkage < SHRINKAGE


def step(networks: int, now: Latencies, before: tuple[Step, Latencies] | None) -> Step:
    """Compare the predictions for a population, each of shape (m,), with those before."""
    half_width = float(np.median(np.sqrt(now.upper_ms / now.lower_ms) - 1))
    if before is None:
        return Step(networks, half_width)
    last, then = before
    return Step(
        networks,
        half_width,
        agreement=spearman(now.mean_ms, then.mean_ms),
        change=float(np.median(np.abs(now.mean_ms / then.mean_ms - 1))),
        shrinkage=1 - half_width / last.half_width,
    )


def converged(steps: Sequence[Step]) -> bool:
    """Whether the last step is precise, or it and the one before are settled."""
    settled = len(steps) > IN_A_ROW and all(one.settled for one in steps[-IN_A_ROW:])
    return settled or any(one.precise for one in steps[-1:])
