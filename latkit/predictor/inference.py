"""The backbone's forward pass in numpy, which is also how it is written into a bundle's graph.

Mirrors ``latkit.predictor.backbone``; a test holds the two together. Takes arrays or stand-ins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, NDArray[np.float32]]

NORM_EPSILON = np.float32(1e-5)
MASKED = np.float32(-1e9)


def run(weights: Weights, raw: Any, live: Any, joint: Any, edges: Any) -> tuple[Any, Any]:
    """Scores (n, devices) and pooled node states (n, labels * width).

    Args:
        weights: of ``backbone.weights_of``. What depends only on a node's operation, and on
            whether it is alive, is a table with one row for every operation when dead, then
            one for every operation when alive.
        raw: node labels, shape (n, V).
        live: node labels after pruning, shape (n, V).
        joint: joint one-hot encodings, shape (n, columns).
        edges: 1 where data flow from node to node, shape (n, V, V), or (1, V, V) where all
            architectures have the same edges.
    """
    rows, width = weights["operations"].shape
    labels = rows // 2
    code = raw + (raw == live).astype(np.int64) * np.int64(labels)
    hits = (code[:, :, None] == np.arange(rows)).astype(np.float32)
    states = hits @ weights["operations"] + weights["position"]
    inflow = edges.transpose(0, 2, 1)
    near = edges + inflow + np.eye(len(weights["position"]), dtype=np.float32)
    mask = (near == 0).astype(np.float32) * MASKED
    layer = 0
    while f"layers.{layer}.flow.weight" in weights:
        states = _ensemble(weights, f"layers.{layer}.", states, hits, inflow, mask)
        layer += 1
    pooled = (raw[:, :, None] == np.arange(labels)).astype(np.float32).transpose(0, 2, 1) @ states
    pooled = pooled.reshape(-1, labels * width)
    scores = pooled @ weights["readout"] + _linear(weights, "linear", joint)
    return scores, pooled


def _ensemble(weights: Weights, prefix: str, states: Any, hits: Any, inflow: Any, mask: Any) -> Any:
    def linear(name: str) -> Any:
        return _linear(weights, prefix + name, states)

    flow = linear("flow")
    flow = hits @ weights[prefix + "flow_gates"] * (inflow @ flow) + flow
    logits = linear("query") @ linear("key").transpose(0, 2, 1)
    mixed = _softmax(logits + mask) @ linear("value")
    gain, shift = weights[prefix + "norm.weight"], weights[prefix + "norm.bias"]
    gated = hits @ weights[prefix + "attention_gates"] * mixed
    attended = _normalised(gated, len(gain)) * gain + shift
    return states + np.maximum(flow + attended, np.float32(0))


def _linear(weights: Weights, name: str, x: Any) -> Any:
    product = x @ np.ascontiguousarray(weights[f"{name}.weight"].T)
    return product + weights[f"{name}.bias"] if f"{name}.bias" in weights else product


def _softmax(logits: Any) -> Any:
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    return shares / shares.sum(axis=2, keepdims=True)


def _normalised(x: Any, width: int) -> Any:
    share = np.float32(1 / width)
    centred = x - x.sum(axis=2, keepdims=True) * share
    variance = (centred * centred).sum(axis=2, keepdims=True) * share
    return centred / np.sqrt(variance + NORM_EPSILON)
