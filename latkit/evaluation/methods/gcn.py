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
    from latkit.evaluation.nasflat.convolution import Convolution, Graphs

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
            network = Convolution(len(space.node_labels), self.width)
            graphs = _graphs(space, samples.operations)
            train(network, graphs, targets, self.epochs, self.rate)
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

        chunks = np.array_split(operations, range(CHUNK, len(operations), CHUNK))
        with torch.no_grad():
            parts = [self.network(*_graphs(self.space, chunk)).double() for chunk in chunks]
        standardised: Floats = torch.cat(parts).numpy()
        return without_interval(np.exp(self.centre + self.scale * standardised))


def _graphs(space: Space, operations: Indices) -> Graphs:
    """Node labels, shape (n, V), and what flows into every node."""
    import torch

    from latkit.evaluation.nasflat.convolution import inflow_of

    inflow = inflow_of(space.adjacency(operations))
    return torch.from_numpy(space.labels(operations)), torch.from_numpy(inflow)
