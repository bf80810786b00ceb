"""NASFLAT's network: dense graph flow and graph attention with hardware at every operation.

Section 4 of the paper and the authors' code, with the sizes that they publish. What is the same
for all nodes of an architecture is computed once. Needs torch.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, leaky_relu, linear

WIDTH = 128
HIDDEN = 96
NODE = 48
OPERATION = 40
HARDWARE = 8
GATE = OPERATION + HARDWARE
EXTRA = 48
SCORE = 200
DROPOUT = 0.1

Gates = tuple[Tensor, Tensor]


class Ensemble(nn.Module):
    """The mean of dense graph flow and graph attention, both gated by the operation at a node.

    Attention as published multiplies its logits by the adjacency, so that a node attends to all
    others too, with weight exp(0); ``masked`` attention is to the node itself and what feeds it.
    """

    def __init__(self, inputs: int, *, masked: bool) -> None:
        super().__init__()
        self.masked = masked
        self.flow = nn.Linear(inputs, WIDTH, bias=False)
        self.bias = nn.Parameter(torch.empty(WIDTH))
        self.value = nn.Linear(inputs, WIDTH, bias=False)
        self.score = nn.Parameter(torch.empty(WIDTH))
        self.flow_gate = nn.Linear(GATE, WIDTH)
        self.attention_gate = nn.Linear(GATE, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        for tensor in (self.flow.weight, self.bias, self.score):
            nn.init.uniform_(tensor, -1 / math.sqrt(WIDTH), 1 / math.sqrt(WIDTH))

    def forward(self, states: Tensor, inflow: Tensor, operations: Tensor) -> Tensor:
        """States of all nodes after this layer, shape (n, V, WIDTH).

        Args:
            states: before it, shape (n, V, inputs), or (V, inputs) where equal for all n.
            inflow: shape (n, V, V).
            operations: embeddings that gate, shape (n, V, GATE).
        """
        return self.gated(states, inflow, self.gates(operations))

    def gates(self, operations: Tensor) -> Gates:
        """Gates of flow and of attention from embeddings, shape (..., GATE)."""
        return torch.sigmoid(self.flow_gate(operations)), torch.sigmoid(
            self.attention_gate(operations)
        )

    def gated(self, states: Tensor, inflow: Tensor, gates: Gates) -> Tensor:
        """The same by the gates themselves, each of shape (n, V, WIDTH)."""
        support, values = self.flow(states), self.value(states)
        logits = self._queries(values) @ values.transpose(-1, -2)
        attended = self._weights(logits, inflow) @ values
        return self._mean(inflow @ support, support, attended, gates)

    def gated_last(self, states: Tensor, inflow: Tensor, gates: Gates) -> Tensor:
        """The state of the last node alone, shape (n, 1, WIDTH), by its gates, (n, 1, WIDTH).

        The same as of ``gated``, multiplied in the order that is cheapest for one node.
        """
        own = states[:, -1:]
        queries = self._queries(self.value(own)) @ self.value.weight
        weights = self._weights(queries @ states.transpose(1, 2), inflow[:, -1:])
        flowed, attended = self.flow(inflow[:, -1:] @ states), self.value(weights @ states)
        return self._mean(flowed, self.flow(own), attended, gates)

    def _queries(self, values: Tensor) -> Tensor:
        return values * (self.score / math.sqrt(WIDTH))

    def _weights(self, logits: Tensor, inflow: Tensor) -> Tensor:
        """Attention of nodes, of which there may be fewer than V: the last ones."""
        logits = leaky_relu(logits)
        if not self.masked:
            return torch.softmax(logits * inflow, dim=-1)
        itself = torch.eye(inflow.shape[-1])[-inflow.shape[-2] :]
        return torch.softmax(logits.masked_fill(inflow + itself == 0, -torch.inf), dim=-1)

    def _mean(self, flowed: Tensor, support: Tensor, attended: Tensor, gates: Gates) -> Tensor:
        flow_gate, attention_gate = gates
        flowed = flow_gate * flowed + support + self.bias
        result: Tensor = (flowed + self.norm(attention_gate * attended)) / 2
        return result


class Network(nn.Module):
    """Scores architectures on devices; a higher score is a higher latency.

    Args:
        labels: number of node labels, of which the first is the input and the last the output.
        devices: number of hardware embeddings.
        extra: columns of the supplementary encoding, which may be none.
        masked: whether attention is masked to neighbours.
    """

    def __init__(self, labels: int, devices: int, extra: int, *, masked: bool) -> None:
        super().__init__()
        self.labels, self.devices = labels, devices
        self.operation = nn.Embedding(labels, OPERATION, padding_idx=0)
        self.hardware = nn.Embedding(devices + 2, HARDWARE, padding_idx=0)
        self.first_node = nn.Parameter(torch.randn(NODE))
        self.other_node = nn.Parameter(torch.zeros(NODE))
        self.start = nn.Linear(NODE, HIDDEN)
        self.spread = Ensemble(HIDDEN, masked=masked)
        self.gather = Ensemble(WIDTH, masked=masked)
        self.summary = _perceptron(WIDTH, WIDTH, WIDTH, WIDTH)
        self.join = nn.Linear(GATE + WIDTH, WIDTH)
        self.update = nn.Linear(WIDTH, GATE)
        self.first = Ensemble(HIDDEN, masked=masked)
        self.second = Ensemble(WIDTH, masked=masked)
        self.third = Ensemble(WIDTH, masked=masked)
        known = WIDTH + (EXTRA if extra else 0)
        self.head = _perceptron(known, SCORE, SCORE, SCORE, 1, dropout=DROPOUT)
        if extra:
            self.supplement = _perceptron(extra, WIDTH, WIDTH, EXTRA, dropout=DROPOUT)

    def forward(self, labels: Tensor, inflow: Tensor, extra: Tensor, devices: Tensor) -> Tensor:
        """Scores, shape (n,).

        Args:
            labels: of the nodes, shape (n, V).
            inflow: shape (n, V, V).
            extra: supplementary encodings, shape (n, E).
            devices: index of each architecture's device, shape (n,).
        """
        others = self.other_node.expand(labels.shape[1] - 1, -1)
        start = self.start(torch.cat([self.first_node[None], others]))
        codes = devices[:, None] * self.labels + labels
        operations = self._updated(start, inflow, codes)
        states = torch.relu(self.first(start, inflow, operations))
        states = torch.relu(self.second(states, inflow, operations))
        states = self.third(states, inflow, operations)
        known = states[:, 1:].mean(dim=1)
        if extra.shape[1]:
            known = torch.cat([known, self.supplement(extra)], dim=1)
        scores: Tensor = self.head(known)[:, 0]
        return scores

    def resemble(self, device: int, other: int) -> None:
        """Give ``device`` the hardware embedding of another one."""
        with torch.no_grad():
            self.hardware.weight[device + 1] = self.hardware.weight[other + 1]

    def _updated(self, start: Tensor, inflow: Tensor, codes: Tensor) -> Tensor:
        """Embeddings of operations that know the whole architecture, shape (n, V, GATE).

        Operation and device at a node, of which there are few pairs, are looked up by ``codes``,
        shape (n, V), in tables of whatever is computed of them alone.
        """
        pairs = self._pairs()
        states = self.spread.gated(start, inflow, _at(codes, self.spread.gates(pairs)))
        gates = _at(codes[:, -1:], self.gather.gates(pairs))
        state = self.gather.gated_last(torch.relu(states), inflow, gates)
        of_pair, of_summary = self.join.weight[:, :GATE], self.join.weight[:, GATE:]
        own = embedding(codes, linear(pairs, of_pair, self.join.bias))
        joined = own + linear(self.summary(state), of_summary)
        updated: Tensor = self.update(torch.relu(joined))
        return updated

    def _pairs(self) -> Tensor:
        """Embeddings of every operation on every device, shape (devices * labels, GATE).

        The input has no hardware, the output one of its own for all devices.
        """
        rows = torch.arange(1, self.devices + 1)[:, None].repeat(1, self.labels)
        rows[:, 0], rows[:, -1] = 0, self.devices + 1
        operations = self.operation(torch.arange(self.labels)).expand(self.devices, -1, -1)
        return torch.cat([operations, self.hardware(rows)], dim=-1).flatten(0, 1)


def _at(codes: Tensor, tables: Gates) -> Gates:
    flow, attention = tables
    return embedding(codes, flow), embedding(codes, attention)


def _perceptron(*widths: int, dropout: float = 0.0) -> nn.Sequential:
    *hidden, last = [nn.Linear(*pair) for pair in pairwise(widths)]
    parts: list[nn.Module] = []
    for layer in hidden:
        parts += [layer, nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*parts, last)
