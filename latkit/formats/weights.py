"""Weights without training: drawn from a seed, the same for every file format.

Latency does not depend on the values, but checking a device's output does, so activations must
stay in a sane range: He-uniform weights (He et al., ICCV 2015), and running statistics that
match the variance which each batch normalisation is going to see.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from latkit.network import BatchNorm, Conv2d, Input, Layer, Linear, Network, Relu

Array = NDArray[np.float32]
Weights = dict[str, Array]

# An activation as a weighted sum of independent signals of variance 1. A bare variance would
# not do: x + x has four times, not twice, the variance of x, and cells of skips add x to itself.
_Mixture = Mapping[str, float]


def seeded(network: Network, seed: int) -> Weights:
    """All tensors of a network, ``<layer>.<tensor>`` to float32, in PyTorch's naming.

    ``seed`` is a whole number >= 0. Networks of one structure get the same values whatever
    their layers are called.
    """
    variances = _input_variances(network)
    shapes = {
        (layer.name, tensor): shape
        for layer in network.layers
        for tensor, shape in layer.weights().items()
    }
    noise = _uniform(seed, sum(map(math.prod, shapes.values())))
    weights, start = {}, 0
    for (layer, tensor), shape in shapes.items():
        end = start + math.prod(shape)
        values = noise[start:end].reshape(shape)
        weights[f"{layer}.{tensor}"] = _scaled(values, tensor, variances[layer])
        start = end
    return weights


def _uniform(seed: int, n: int) -> Array:
    # Raw bits, because NumPy keeps the streams of its bit generators the same in all versions,
    # but not those of its distributions.
    bits = np.random.PCG64(seed).random_raw((n + 1) // 2).astype("<u8", copy=False)
    values: Array = bits.view("<i4")[:n].astype(np.float32)
    values *= np.float32(2.0**-31)
    return values


def _scaled(noise: Array, tensor: str, variance: float) -> Array:
    """Values of one tensor from noise in [-1, 1], given the variance of the layer's input."""
    if noise.ndim > 1:
        return noise * np.float32(math.sqrt(6 / math.prod(noise.shape[1:])))
    if tensor == "running_var":
        return np.float32(variance) * (1 + np.float32(0.2) * noise)
    if tensor == "running_mean":
        return np.float32(0.1 * math.sqrt(variance)) * noise
    return 1 + np.float32(0.2) * noise if tensor == "weight" else np.float32(0.1) * noise


def _input_variances(network: Network) -> dict[str, float]:
    """Expected variance of what every layer reads; 1 where that is nothing but zeros."""
    mixtures: dict[str, _Mixture] = {}
    variances = {}
    for layer in network.layers:
        read = _sum([mixtures[name] for name in layer.inputs])
        variance = sum(share**2 for share in read.values())
        mixtures[layer.name] = _mixture(layer, read, variance)
        variances[layer.name] = variance or 1.0
    return variances


def _sum(mixtures: Sequence[_Mixture]) -> _Mixture:
    if len(mixtures) == 1:
        return mixtures[0]
    total: dict[str, float] = defaultdict(float)
    for mixture in mixtures:
        for signal, share in mixture.items():
            total[signal] += share
    return total


def _mixture(layer: Layer, read: _Mixture, variance: float) -> _Mixture:
    if isinstance(layer, Input | BatchNorm):
        return {layer.name: 1.0}
    if isinstance(layer, Conv2d | Linear):
        return {layer.name: math.sqrt(2 * variance)}
    if isinstance(layer, Relu):
        return {layer.name: math.sqrt(variance / 2)}
    return read
