"""Training the backbone on many devices at once: minutes on one core.

An architecture is encoded once, and one pass scores it for every device; pairs are made of
scores afterwards, so the pairwise hinge loss of the paper (section 4.2) costs next to nothing. A
Huber loss beside it makes scores latencies, which the adapter needs, and keeps outliers and
broken values from steering. Its logarithm is taken per device, so that a noisy phone weighs no
more than an exact simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latkit.predictor.backbone import Backbone

HINGE_MARGIN = 0.1
HINGE_WEIGHT = 0.03
FIT_WEIGHT = 0.1
HINGE_SHIFTS = (1, 7, 31)
SMALLEST_LOSS = 1e-6
WEIGHT_DECAY = 0.01
RIDGE = 3.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train; ``batch`` architectures a step, ``rate`` at its peak."""

    epochs: int = 40
    batch: int = 256
    rate: float = 8e-3


@dataclass(frozen=True, slots=True)
class Batchable:
    """The backbone's arguments for all architectures."""

    raw: Tensor
    live: Tensor
    joint: Tensor
    edges: Tensor

    def rows(self, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The backbone's arguments for some rows."""
        edges = self.edges if len(self.edges) == 1 else self.edges[chosen]
        return self.raw[chosen], self.live[chosen], self.joint[chosen], edges


def fit(
    backbone: Backbone,
    inputs: Batchable,
    targets: NDArray[np.float64],
    rng: np.random.Generator,
    schedule: Schedule,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Train ``backbone`` in place on standardised targets, shape (n, devices), NaN where unknown.

    ``progress`` is called with the epochs done and their total.
    """
    known = torch.from_numpy(np.isfinite(targets))
    values = torch.from_numpy(np.nan_to_num(targets).astype(np.float32))
    size = min(schedule.batch, len(values))
    steps = schedule.epochs * (len(values) // size)
    optimiser = torch.optim.AdamW(backbone.parameters(), weight_decay=WEIGHT_DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.rate, steps, pct_start=0.1)
    for epoch in range(schedule.epochs):
        order = rng.permutation(len(values))
        for start in range(0, len(values) - size + 1, size):
            rows = order[start : start + size]
            scores = backbone(*inputs.rows(rows))
            optimiser.zero_grad()
            loss(scores, values[rows], known[rows]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rates.step()
        if progress:
            progress(epoch + 1, schedule.epochs)


def start_linear(backbone: Backbone, joint: Tensor, targets: NDArray[np.float64]) -> None:
    """Set the linear part to its ridge solution, from which training goes on.

    Args:
        backbone: changed in place.
        joint: joint one-hot encodings, shape (n, columns).
        targets: standardised and bounded, shape (n, devices), NaN where unknown.
    """
    inputs = joint.numpy().astype(np.float64)
    centre = inputs.mean(axis=0)
    for device, column in enumerate(targets.T):
        rows = np.isfinite(column)
        centred = inputs[rows] - centre
        normal = centred.T @ centred + RIDGE * np.eye(inputs.shape[1])
        mean = column[rows].mean()
        solution = np.linalg.solve(normal, centred.T @ (column[rows] - mean))
        with torch.no_grad():
            backbone.linear.weight[device] = torch.from_numpy(solution)
            backbone.linear.bias[device] = float(mean - centre @ solution)


def loss(scores: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Fit and order of one batch; all arguments have shape (n, devices)."""
    result = FIT_WEIGHT * _fit_loss(scores, targets, known)
    shifts = [shift for shift in HINGE_SHIFTS if shift < len(scores)]
    for shift in shifts:
        hinge = _hinge_loss(scores, targets, known, shift)
        result = result + HINGE_WEIGHT / len(shifts) * hinge
    return result


def _fit_loss(scores: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    huber = torch.nn.functional.huber_loss(scores, targets, reduction="none") * known
    counts = known.sum(dim=0)
    per_device = huber.sum(dim=0) / counts.clamp(min=1)
    return torch.log(per_device[counts > 0] + SMALLEST_LOSS).mean()


def _hinge_loss(scores: Tensor, targets: Tensor, known: Tensor, shift: int) -> Tensor:
    """Pairs of each row with the one ``shift`` before it; ties order nothing."""
    gap = targets - targets.roll(shift, 0)
    margin = (scores - scores.roll(shift, 0)) * torch.sign(gap)
    counted = known & known.roll(shift, 0) & (gap != 0)
    return (torch.relu(HINGE_MARGIN - margin) * counted).sum() / counted.sum().clamp(min=1)
