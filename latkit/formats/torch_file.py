"""PyTorch's file: layers as JSON and weights as safetensors, of which a runner makes a module.

Neither a pickle, which may run code where it is loaded, nor a program that one version of PyTorch
exported: every version runs it eagerly, compiled or scripted. Nothing is folded. Writing one needs
no PyTorch.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
from safetensors.numpy import save

from latkit.condition import Precision
from latkit.formats.weights import seeded
from latkit.network import Layer, Network

DTYPES = {"fp32": np.float32, "fp16": np.float16}


def build(
    network: Network, *, seed: int = 0, batch: int = 1, precision: Precision = "fp32"
) -> bytes:
    """The content of a file; the image has the shape (batch, 3, height, width)."""
    dtype = DTYPES[precision]
    weights = {name: values.astype(dtype) for name, values in seeded(network, seed).items()}
    described = {
        "shape": [batch, *network.input_shape],
        "layers": [_described(layer) for layer in network.layers],
    }
    return save(weights, {"network": json.dumps(described, separators=(",", ":"))})


def _described(layer: Layer) -> dict[str, Any]:
    return {"kind": layer.kind, **asdict(layer)}
