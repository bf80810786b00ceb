"""Weights under which no activation leaves the range of float16, and the output stays the same.

A cell of skips adds a tensor to itself, so that fifteen of them multiply it by millions. What
lies between two layers with weights may be scaled down by any factor that the weights before it
bring in and those after it take out again (Nagel et al., ICCV 2019, use the same freedom).
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from latkit.formats.ranges import Ranges
from latkit.formats.weights import Weights
from latkit.network import (
    Add,
    AvgPool,
    BatchNorm,
    ChannelShuffle,
    Conv2d,
    GlobalAvgPool,
    Layer,
    Linear,
    Network,
    Relu,
)

LARGEST = 2.0**12
"""Aimed at, a sixteenth of what float16 holds: other images bring larger values."""
SCALED_WITH_INPUT = (Add, AvgPool, ChannelShuffle, GlobalAvgPool, Relu)
WITH_WEIGHTS = (BatchNorm, Conv2d, Linear)


def within_half(network: Network, weights: Weights, ranges: Ranges) -> Weights:
    """The weights of a lowered network, rescaled by powers of two."""
    factors = _factors(network, ranges)
    rescaled = dict(weights)
    for layer in network.layers:
        if isinstance(layer, WITH_WEIGHTS):
            rescaled |= _rescaled(layer, weights, factors[layer.inputs[0]], factors[layer.name])
    return rescaled


def _rescaled(layer: Layer, weights: Weights, taken_in: float, given_out: float) -> Weights:
    factors = {
        "weight": given_out / taken_in,
        "bias": given_out,
        "running_mean": taken_in,
        "running_var": 1.0,
    }
    names = {tensor: f"{layer.name}.{tensor}" for tensor in layer.weights()}
    return {name: weights[name] * np.float32(factors[tensor]) for tensor, name in names.items()}


def _factors(network: Network, ranges: Ranges) -> dict[str, float]:
    """By what every layer's output is multiplied; 1 for the network's input and output."""
    groups = _groups(network)
    largest: dict[str, float] = defaultdict(float)
    for name, group in groups.items():
        largest[group] = max(largest[group], *map(abs, ranges.get(name, (0.0, 0.0))))
    fixed = {groups[network.layers[0].name], groups[network.output]}
    return {
        name: 1.0 if group in fixed else _power_of_two(largest[group])
        for name, group in groups.items()
    }


def _power_of_two(largest: float) -> float:
    return 2.0 ** -max(0, math.ceil(math.log2(max(largest, 1.0) / LARGEST)))


def _groups(network: Network) -> dict[str, str]:
    """Layers that can be scaled together only, each under the name of one of them."""
    groups: dict[str, str] = {}
    for layer in network.layers:
        groups[layer.name] = layer.name
        if isinstance(layer, SCALED_WITH_INPUT):
            joined = {groups[name] for name in layer.inputs}
            groups |= {name: layer.name for name, group in groups.items() if group in joined}
    return groups
