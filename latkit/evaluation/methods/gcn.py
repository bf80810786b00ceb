"""The graph convolutional network of BRP-NAS, trained on the target's samples alone.

Dudziak et al., "BRP-NAS: Prediction-based NAS using GCNs", NeurIPS 2020, section 3. It learns
standardised log-latency and knows nothing of the sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latkit.errors import MissingDependency
from latkit.evaluation.method import Adapter, Files, Floats, Samples, Sources, without_interval
from latkit.latencies import Latencies
from latkit.spaces.base import Indices, Space

if TYPE_CHECKING:
    from latkit.evaluation.nasflat.convolution import Convolution

CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Gcn:
    """Width of node states, and how long and how fast to train."""

    width: int = 128
    epochs: int = 200
    rate: float = 1e-3

    def pretrain(self, sources: Sources, seed: int) -> Files:
        """Nothing: it learns from samples alone."""
        return {}

    def load(self, sources: Sources, files: Files) -> Adapter:
        """Ready to train a network from random weights for every target."""
        try:
            import torch  # noqa: F401
        except ImportError:
            raise MissingDependency("torch", "train", "the method gcn") from None

        def adapter(samples: Samples, rng: np.random.Generator) -> Trained:
            return self._trained(sources.space, samples, rng)

        return adapter

    def _trained(self, space: Space, samples: Samples, rng: np.random.Generator) -> Trained:
        import torch

        from latkit.evaluation.nasflat.convolution import Convolution, train
        from latkit.evaluation.nasflat.training import reproducible

        log_ms = np.log(samples.latency_ms)
        centre, scale = float(log_ms.mean()), float(log_ms.std()) or 1.0
        targets = torch.from_numpy((log_ms - centre) / scale).float()
        with reproducible(int(rng.integers(2**31))):
            graph = space.encode(space.from_indices([0] * space.positions))
            network = Convolution(graph.adjacency, len(space.node_labels), self.width)
            labels = torch.from_numpy(_labels(space, samples.operations))
            train(network, labels, targets, self.epochs, self.rate)
        return Trained(network, space, centre, scale)


@dataclass(frozen=True, slots=True)
class Trained:
    """A network, and mean and standard deviation of the log-latencies that it learned from."""

    network: Convolution
    space: Space
    centre: float
    scale: float

    def predict(self, operations: Indices) -> Latencies:
        """Latencies in ms; of intervals it knows nothing."""
        import torch

        labels = torch.from_numpy(_labels(self.space, operations))
        with torch.no_grad():
            parts = [self.network(chunk).double() for chunk in torch.split(labels, CHUNK)]
        standardised: Floats = torch.cat(parts).numpy()
        return without_interval(np.exp(self.centre + self.scale * standardised))


def _labels(space: Space, operations: Indices) -> Indices:
    """Node labels, shape (n, positions + 2): the input, operations, the output."""
    ends = np.zeros((len(operations), 1), dtype=np.int64)
    return np.hstack([ends, operations + 1, ends + len(space.node_labels) - 1])
