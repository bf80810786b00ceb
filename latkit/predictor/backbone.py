"""The graph neural network behind every bundle (NASFLAT, Akhauri & Abdelfattah, 2024, section 4).

Layers are the paper's ensemble of dense graph flow and graph attention, gated by the operation
at each node; hardware enters *operation-wise*: every pair of operation and device has its own
embedding. It does so at the readout instead of the input, so that one pass serves all devices:

    h = layers(raw operation + live operation + position)                  the same for all devices
    latency_d(a) = sum over nodes v of <g(operation_v, d), h_v> + linear_d(joint one-hot(a))

Latency is a sum over the operations that run, which is why the readout is one too; the linear
part learns what adds up exactly, and leaves the network what does not. Attention is masked to
neighbours in either direction. Needs torch; ``latkit.predictor.inference`` is the same in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latkit.features.physical import NOTHING
from latkit.predictor.inference import MASKED


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a backbone: ``width`` of node states, ``keys`` of attention, ``layers``."""

    width: int = 48
    keys: int = 16
    layers: int = 2


class Ensemble(nn.Module):
    """One layer: dense graph flow plus graph attention, added to the state."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.flow = nn.Linear(width, width)
        self.value = nn.Linear(width, width, bias=False)
        self.query = nn.Linear(width, shape.keys, bias=False)
        self.key = nn.Linear(width, shape.keys, bias=False)
        self.flow_gate = nn.Linear(width, width)
        self.attention_gate = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, operations: Tensor, inflow: Tensor, mask: Tensor) -> Tensor:
        flow = self.flow(states)
        flow = torch.sigmoid(self.flow_gate(operations)) * (inflow @ flow) + flow
        logits = self.query(states) @ self.key(states).transpose(1, 2)
        mixed = torch.softmax(logits + mask, dim=-1) @ self.value(states)
        attended = self.norm(torch.sigmoid(self.attention_gate(operations)) * mixed)
        return states + torch.relu(flow + attended)


class Backbone(nn.Module):
    """Scores of every source device for a batch of architectures.

    Args:
        nodes: of every graph, V.
        labels: names of the node labels; a dead operation is one that became ``none``.
        columns: width of the joint one-hot encoding that the linear part reads.
        devices: number of source devices.
        shape: sizes.
    """

    def __init__(
        self,
        nodes: int,
        labels: Sequence[str],
        columns: int,
        devices: int,
        shape: Shape,
    ) -> None:
        super().__init__()
        width = shape.width
        self.labels = len(labels)
        self.nothing = list(labels).index(NOTHING) if NOTHING in labels else 0
        self.raw = nn.Embedding(self.labels, width)
        self.live = nn.Embedding(self.labels, width)
        self.position = nn.Parameter(0.3 * torch.randn(nodes, width))
        self.hardware = nn.Parameter(0.3 * torch.randn(devices, width))
        self.layers = nn.ModuleList(Ensemble(shape) for _ in range(shape.layers))
        self.hidden = nn.Linear(2 * width, width)
        self.head = nn.Linear(width, width)
        self.own = nn.Parameter(torch.zeros(self.labels, devices, width))
        self.linear = nn.Linear(columns, devices)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def readout(self) -> Tensor:
        """The embedding of every operation on every device, shape (labels, devices, width)."""
        labels, devices = self.labels, len(self.hardware)
        pairs = torch.cat(
            [
                self.raw.weight[:, None].expand(-1, devices, -1),
                self.hardware[None].expand(labels, -1, -1),
            ],
            dim=2,
        )
        shared: Tensor = self.head(torch.relu(self.hidden(pairs)))
        return shared + self.own

    def forward(self, raw: Tensor, live: Tensor, joint: Tensor, edges: Tensor) -> Tensor:
        """Scores, shape (n, devices).

        Args:
            raw: node labels, shape (n, V).
            live: node labels after pruning, shape (n, V).
            joint: joint one-hot encodings, shape (n, columns).
            edges: 1 where data flow from node to node, shape (n, V, V) or (1, V, V).
        """
        operations = self.raw(raw) + self.live(live)
        states = operations + self.position
        inflow = edges.transpose(1, 2)
        near = edges + inflow + torch.eye(edges.shape[1])
        mask = torch.where(near > 0, 0.0, float(MASKED))
        for layer in self.layers:
            states = layer(states, operations, inflow, mask)
        hits = nn.functional.one_hot(raw, self.labels).to(states.dtype)
        pooled = hits.transpose(1, 2) @ states
        scores: Tensor = torch.einsum("now,odw->nd", pooled, self.readout()) + self.linear(joint)
        return scores


def weights_of(backbone: Backbone) -> dict[str, NDArray[np.float32]]:
    """The trained numbers as ``latkit.predictor.inference`` reads them."""
    tensors = {name: tensor.detach() for name, tensor in backbone.state_dict().items()}
    dead = backbone.live.weight.detach()[backbone.nothing]
    operations = torch.cat(
        [tensors["raw.weight"] + dead, tensors["raw.weight"] + tensors["live.weight"]]
    )
    tensors["operations"] = operations
    for number, layer in enumerate(backbone.layers):
        for gate in ("flow_gate", "attention_gate"):
            gates = torch.sigmoid(getattr(layer, gate)(operations)).detach()
            tensors[f"layers.{number}.{gate}s"] = gates
    readout = backbone.readout().detach()
    tensors["readout"] = readout.transpose(1, 2).reshape(-1, readout.shape[1])
    return {name: tensor.numpy().astype(np.float32) for name, tensor in tensors.items()}
