"""The graph convolutional network of BRP-NAS, which NASFLAT is compared with.

Dudziak et al., "BRP-NAS: Prediction-based NAS using GCNs", NeurIPS 2020, section 3: four layers
over the operations of a cell and a global node that reads all of them, and is read at the end.
Needs torch.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import one_hot

LAYERS = 4
DROPOUT = 0.2
WEIGHT_DECAY = 5e-4


class Convolution(nn.Module):
    """Predicts a standardised quantity of graphs that differ in their labels alone.

    Args:
        adjacency: of the graphs, shape (V, V), edges from row to column.
        labels: number of node labels.
        width: of node states.
    """

    def __init__(self, adjacency: NDArray[np.int8], labels: int, width: int) -> None:
        super().__init__()
        widths = [labels + 1] + LAYERS * [width]
        self.labels = labels
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.dropout = nn.Dropout(DROPOUT)
        self.readout = nn.Linear(width, 1)
        self.inflow = torch.from_numpy(_normalised(adjacency))

    def forward(self, labels: Tensor) -> Tensor:
        """Predictions, shape (n,), from node labels, shape (n, V)."""
        everything = torch.full_like(labels[:, :1], self.labels)
        nodes = torch.cat([labels, everything], dim=1)
        states = one_hot(nodes, self.labels + 1).to(self.readout.weight.dtype)
        for layer in self.layers:
            states = self.dropout(torch.relu(layer(self.inflow @ states)))
        predicted: Tensor = self.readout(states[:, -1])[:, 0]
        return predicted


def _normalised(adjacency: NDArray[np.int8]) -> NDArray[np.float32]:
    """What flows into every node and it itself, as a mean; the global node reads all, last."""
    nodes = len(adjacency) + 1
    inflow = np.eye(nodes, dtype=np.float32)
    inflow[:-1, :-1] += adjacency.T
    inflow[-1] = 1
    inflow /= inflow.sum(axis=1, keepdims=True)
    return inflow


def train(network: Convolution, labels: Tensor, targets: Tensor, epochs: int, rate: float) -> None:
    """Fit in place by least squares, all architectures at a time."""
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    network.train()
    for _ in range(epochs):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(network(labels), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rates.step()
    network.eval()
