"""The network as an inference runtime gets it: batch norm folded, terms of zero dropped.

Operations whose result nobody uses stay: leaving them out, or not, is the runtime's business
and part of what is measured. The pruned network is that of the space's canonical architecture.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from latkit.formats.weights import Array, Weights
from latkit.network import Add, AvgPool, BatchNorm, Conv2d, Layer, Network, Relu, Zero


def lower(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """An equal network without foldable BatchNorm and without terms of zero, and its weights.

    A BatchNorm that remains (one that does not follow a convolution) is to be written as the
    scale and shift that ``affine`` gives.
    """
    return _fold(_drop_zero_terms(network), weights)


def affine(norm: BatchNorm, weights: Weights) -> tuple[Array, Array]:
    """Scale and shift per channel, each (channels,), that equal a batch normalisation."""
    gamma, beta, mean, var = (weights[f"{norm.name}.{tensor}"] for tensor in norm.weights())
    scale = gamma / np.sqrt(var + np.float32(norm.epsilon))
    return scale, beta - mean * scale


def _drop_zero_terms(network: Network) -> Network:
    layers: list[Layer] = []
    zeros: set[str] = set()
    same_as: dict[str, str] = {}
    for layer in network.layers:
        inputs = tuple(same_as.get(name, name) for name in layer.inputs)
        if isinstance(layer, Add):
            inputs = tuple(name for name in inputs if name not in zeros) or inputs[:1]
        if _is_zero(layer, inputs, zeros):
            zeros.add(layer.name)
            layers.append(Zero(layer.name, (), network.shapes[layer.name]))
        elif isinstance(layer, Add) and len(inputs) == 1:
            same_as[layer.name] = inputs[0]
        else:
            layers.append(replace(layer, inputs=inputs))
    read = {name for layer in layers for name in layer.inputs}
    kept = (layer for layer in layers if layer.name in read or not isinstance(layer, Zero))
    return replace(network, layers=tuple(kept))


def _is_zero(layer: Layer, inputs: tuple[str, ...], zeros: set[str]) -> bool:
    if isinstance(layer, Add | AvgPool | Relu):
        return inputs[0] in zeros
    return isinstance(layer, Zero)


def _fold(network: Network, weights: Weights) -> tuple[Network, Weights]:
    folds = _folds(network)
    absorbed = {conv.name for _, conv in folds.values()}
    lowered = dict(weights)
    layers: list[Layer] = []
    for layer in network.layers:
        if layer.name in folds:
            norm, conv = folds[layer.name]
            layers.append(replace(conv, name=norm.name, bias=True))
            lowered |= _folded(norm, conv, weights)
        elif layer.name not in absorbed:
            layers.append(layer)
    return replace(network, layers=tuple(layers)), lowered


def _folds(network: Network) -> dict[str, tuple[BatchNorm, Conv2d]]:
    """Every BatchNorm, by name, that is the only reader of a convolution, and the latter."""
    readers = Counter(name for layer in network.layers for name in layer.inputs)
    layers = {layer.name: layer for layer in network.layers}
    pairs = [(layer, layers[layer.inputs[0]]) for layer in layers.values() if layer.inputs]
    return {
        norm.name: (norm, conv)
        for norm, conv in pairs
        if isinstance(norm, BatchNorm) and isinstance(conv, Conv2d) and readers[conv.name] == 1
    }


def _folded(norm: BatchNorm, conv: Conv2d, weights: Weights) -> Weights:
    scale, shift = affine(norm, weights)
    if conv.bias:
        shift = shift + scale * weights[f"{conv.name}.bias"]
    weight = weights[f"{conv.name}.weight"] * scale[:, None, None, None]
    return {f"{norm.name}.weight": weight, f"{norm.name}.bias": shift}
