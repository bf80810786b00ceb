"""From operation indices to all that the adapter sees, as one function that becomes one graph.

The encoder's table look-ups and the backbone's forward pass; the function runs on numpy arrays,
and on stand-ins to be written as ``features.onnx``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.features.additive import Floats
from latkit.features.encoder import Encoder
from latkit.predictor.inference import Weights, run

SOURCE_FLOOR = np.float32(0.02)
"""No source device is predicted to take less than this share of its median."""
EMBEDDING = 16


@dataclass(frozen=True)
class Featuriser:
    """The whole: encoder, trained backbone, and what its scores mean.

    Args:
        encoder: costs and kernel blocks.
        weights: of the backbone.
        centre, scale: shape (devices,); ``centre + scale * score`` is a latency in units of the
            device's median.
        projection: of pooled node states to the block ``embedding``.
    """

    encoder: Encoder
    weights: Weights
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    projection: NDArray[np.float32]

    def __call__(self, operations: Any) -> dict[str, Any]:
        """Outputs of ``features.onnx`` by name."""
        scores, states = run(self.weights, *inputs(self.encoder, operations))
        relative = np.maximum(scores * self.scale + self.centre, SOURCE_FLOOR)
        blocks = self.encoder.blocks(operations) | {"embedding": states @ self.projection}
        named = {f"block_{name}": values for name, values in blocks.items()}
        return {"costs": self.encoder.costs(operations), "sources": relative, **named}


def inputs(encoder: Encoder, operations: Any) -> tuple[Any, Any, Any, Any]:
    """What the backbone reads: raw labels, live labels, joint one-hots, edges."""
    space = encoder.physical.space
    raw, live = space.labels(operations), space.labels(space.live(operations))
    edges = space.adjacency(operations).astype(np.float32)
    return raw, live, encoder.joint(operations), edges


def principal(states: Floats) -> NDArray[np.float32]:
    """Projection on the leading principal directions, each of unit variance."""
    centred = states - states.mean(axis=0)
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    kept = right[:EMBEDDING].T / (singular[:EMBEDDING] / np.sqrt(len(states)))
    return np.ascontiguousarray(kept, dtype=np.float32)
