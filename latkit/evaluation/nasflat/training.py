"""Training NASFLAT's network by pairwise hinge loss (section 4.2): on sources, and on samples.

An architecture of a batch is scored once and pairs are made of scores, which gives the loss of
the authors' code, where every pair is scored anew, in a small part of its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latkit.evaluation.nasflat.examples import Examples
from latkit.evaluation.nasflat.graphs import Graphs
from latkit.evaluation.nasflat.network import Network

MARGIN = 0.1
PAIRS = 4
"""Pairs a step, as a multiple of the batch."""
WEIGHT_DECAY = 1e-5
LAST_RATE = 1e-6
CHUNK = 512


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train; ``rate`` falls from its start by a cosine."""

    epochs: int
    rate: float
    batch: int = 128


def fit(
    network: Network,
    graphs: Graphs,
    examples: Examples,
    schedule: Schedule,
    rng: np.random.Generator,
) -> None:
    """Train in place; batches hold examples of all devices, and so do pairs."""
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=schedule.rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, schedule.epochs, LAST_RATE)
    network.train()
    for _ in range(schedule.epochs):
        order = rng.permutation(len(examples.rows))
        for start in range(0, len(order), schedule.batch):
            batch = order[start : start + schedule.batch]
            left, right = _pairs(examples.latencies[batch], rng)
            if len(left):
                scores = network(*_inputs(graphs, examples.rows[batch], examples.devices[batch]))
                optimiser.zero_grad()
                loss = torch.relu(MARGIN - scores[left] + scores[right]).mean()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        rates.step()


def score(network: Network, graphs: Graphs, device: int) -> NDArray[np.float64]:
    """Scores of all graphs on one device, shape (n,)."""
    network.eval()
    rows = np.arange(len(graphs.labels))
    with torch.no_grad():
        parts = [
            network(*_inputs(graphs, chunk, np.full(len(chunk), device)))
            for chunk in np.split(rows, range(CHUNK, len(rows), CHUNK))
        ]
    return torch.cat(parts).double().numpy()


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Initial weights and dropout from ``seed``, and sums in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _inputs(
    graphs: Graphs, rows: NDArray[np.int64], devices: NDArray[np.int64]
) -> tuple[Tensor, ...]:
    arrays = graphs.labels[rows], graphs.inflow[rows], graphs.extra[rows], devices
    return tuple(torch.from_numpy(array) for array in arrays)


def _pairs(
    latencies: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random pairs without ties, the slower one first."""
    left, right = np.triu_indices(len(latencies), 1)
    untied = np.flatnonzero(latencies[left] != latencies[right])
    limit = PAIRS * len(latencies)
    if len(untied) > limit:
        untied = rng.choice(untied, limit, replace=False)
    left, right = left[untied], right[untied]
    slower = latencies[left] > latencies[right]
    return np.where(slower, left, right), np.where(slower, right, left)
