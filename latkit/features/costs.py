"""What a network costs a device, read off its layers: work, memory traffic and launched kernels.

Latency is close to a weighted sum of such figures, and the weights are what devices differ in.
Eager runtimes launch one kernel a layer; compiled ones fuse element-wise layers into the layer
before. Both counts are here, so that a device can be either. A kernel never takes less than its
launch, and is bound by either memory or arithmetic: hence the figures with a floor.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latkit.features.additive import Floats
from latkit.network import (
    Add,
    AvgPool,
    BatchNorm,
    ChannelShuffle,
    Conv2d,
    GlobalAvgPool,
    Layer,
    LayerCost,
    Linear,
    Network,
    Relu,
)

ELEMENTWISE = (BatchNorm, Relu)
BYTES_FLOORS = (65_536, 196_608, 425_984)
FLOPS_FLOORS = (1_000_000, 4_000_000)
FLOPS_PER_BYTE = (4, 8)
TOTALS = (
    "flops",
    "params",
    "bytes",
    "launches",
    "fused_bytes",
    "fused_launches",
    *(f"bytes_from_{floor // 1024}k" for floor in BYTES_FLOORS),
    *(f"flops_from_{floor // 1_000_000}m" for floor in FLOPS_FLOORS),
    *(f"roofline_{intensity}" for intensity in FLOPS_PER_BYTE),
)
KINDS = (
    "conv",
    "pointwise",
    "grouped",
    "depthwise3",
    "depthwise5",
    "pool",
    "add",
    "shuffle",
    "elementwise",
    "linear",
)
BY_KIND = tuple(f"{kind}_{figure}" for kind in KINDS for figure in ("launches", "bytes", "flops"))
NAMES = (*TOTALS, *BY_KIND)


def cost_vector(network: Network) -> Floats:
    """All of ``NAMES`` for one network and one image: FLOPs, bytes and counts, shape (names,)."""
    figures = dict.fromkeys(NAMES, 0.0)
    for layer, cost in zip(network.layers, network.costs(), strict=True):
        kind = kind_of(layer)
        if kind is not None:
            for name, value in _figures(kind, cost, isinstance(layer, ELEMENTWISE)):
                figures[name] += value
    return np.array(list(figures.values()))


def kind_of(layer: Layer) -> str | None:
    """The category of a layer; None for one that costs nothing (the input, constant zeros)."""
    if isinstance(layer, Conv2d):
        return _kind_of_convolution(layer)
    return _KIND_OF_LAYER.get(type(layer))


_KIND_OF_LAYER: dict[type[Layer], str] = {
    AvgPool: "pool",
    GlobalAvgPool: "pool",
    Add: "add",
    ChannelShuffle: "shuffle",
    BatchNorm: "elementwise",
    Relu: "elementwise",
    Linear: "linear",
}


def _kind_of_convolution(layer: Conv2d) -> str:
    if layer.groups > 1 and layer.groups == layer.in_channels:
        return "depthwise3" if layer.kernel <= 3 else "depthwise5"
    if layer.groups > 1:
        return "grouped"
    return "pointwise" if layer.kernel == 1 else "conv"


def _figures(kind: str, cost: LayerCost, elementwise: bool) -> Iterator[tuple[str, float]]:
    moved = cost.input_bytes + cost.activation_bytes + cost.weight_bytes
    for name, value in (("launches", 1), ("bytes", moved), ("flops", cost.flops)):
        yield name, value
        yield f"{kind}_{name}", value
    yield "params", cost.params
    for floor in BYTES_FLOORS:
        yield f"bytes_from_{floor // 1024}k", max(moved, floor)
    if not elementwise:
        yield from _fused_figures(moved, cost.flops)


def _fused_figures(moved: int, flops: int) -> Iterator[tuple[str, float]]:
    yield "fused_launches", 1
    yield "fused_bytes", moved
    for floor in FLOPS_FLOORS:
        yield f"flops_from_{floor // 1_000_000}m", max(flops, floor)
    for intensity in FLOPS_PER_BYTE:
        yield f"roofline_{intensity}", max(flops, intensity * moved)
