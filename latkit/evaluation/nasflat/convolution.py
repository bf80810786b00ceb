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

Graphs = tuple[Tensor, Tensor]
"""Node labels, shape (n, V), and ``inflow_of`` their edges."""


class Convolution(nn.Module):
    """Predicts a standardised quantity of graphs.

    Args:
        labels: number of node labels.
        width: of node states.
    """

    def __init__(self, labels: int, width: int) -> None:
        super().__init__()
        widths = [labels + 1] + LAYERS * [width]
        self.labels = labels
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.dropout = nn.Dropout(DROPOUT)
        self.readout = nn.Linear(width, 1)

    def forward(self, labels: Tensor, inflow: Tensor) -> Tensor:
        """Predictions, shape (n,), from node labels, shape (n, V), and ``inflow_of`` the edges."""
        everything = torch.full_like(labels[:, :1], self.labels)
        nodes = torch.cat([labels, everything], dim=1)
        states = one_hot(nodes, self.labels + 1).to(self.readout.weight.dtype)
        for layer in self.layers:
            states = self.dropout(torch.relu(layer(inflow @ states)))
        predicted: Tensor = self.readout(states[:, -1])[:, 0]
        return predicted


def inflow_of(adjacency: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What flows into every node and it itself, as a mean; the global node reads all, last.

    Shape (n, V + 1, V + 1), from edges of shape (n, V, V).
    """
    nodes = adjacency.shape[1] + 1
    inflow = np.tile(np.eye(nodes, dtype=np.float32), (len(adjacency), 1, 1))
    inflow[:, :-1, :-1] += adjacency.transpose(0, 2, 1)
    inflow[:, -1] = 1
    inflow /= inflow.sum(axis=2, keepdims=True)
    return inflow


def train(network: Convolution, graphs: Graphs, targets: Tensor, epochs: int, rate: float) -> None:
    """Fit in place by least squares, all architectures at a time; ``graphs`` as for forward."""
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    network.train()
    for _ in range(epochs):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(network(*graphs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rates.step()
    network.eval()
