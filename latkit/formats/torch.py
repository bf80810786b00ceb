"""A network as a PyTorch module, layer by layer, nothing folded: the reference of all formats.

Needs the extra ``train``.
"""

from __future__ import annotations

import operator
from functools import reduce, singledispatch

from latkit.errors import MissingDependency
from latkit.formats.weights import seeded
from latkit.network import (
    Add,
    AvgPool,
    BatchNorm,
    ChannelShuffle,
    Conv2d,
    GlobalAvgPool,
    Input,
    Layer,
    Linear,
    Network,
    Relu,
    Shape,
    Zero,
)

try:
    import torch
    from torch import Tensor, fx, nn
except ModuleNotFoundError:
    raise MissingDependency("torch", "train", "building a PyTorch module") from None


def build(network: Network, seed: int = 0) -> nn.Module:
    """A module in inference mode, (batch, 3, height, width) to (batch, classes).

    Its parameters carry the names and values of ``weights.seeded`` and need no gradient.
    PyTorch's global random state is left alone.
    """
    graph = fx.Graph()
    nodes: dict[str, fx.Node] = {}
    modules: dict[str, nn.Module] = {}
    for layer in network.layers:
        if not isinstance(layer, Input | Add):
            with torch.device("meta"):
                modules[layer.name] = _module(layer)
        nodes[layer.name] = _node(graph, layer, nodes)
    graph.output(nodes[network.output])
    module = fx.GraphModule(modules, graph)
    module.load_state_dict(_state(network, seed), assign=True)
    return module.eval().requires_grad_(False)


def _node(graph: fx.Graph, layer: Layer, nodes: dict[str, fx.Node]) -> fx.Node:
    inputs = [nodes[name] for name in layer.inputs]
    if isinstance(layer, Input):
        return graph.placeholder(layer.name)
    if isinstance(layer, Add):
        return reduce(lambda x, y: graph.call_function(operator.add, (x, y)), inputs)
    if isinstance(layer, Zero):
        inputs = [next(iter(nodes.values()))]
    return graph.call_module(layer.name, tuple(inputs))


def _state(network: Network, seed: int) -> dict[str, Tensor]:
    state = {name: torch.from_numpy(values) for name, values in seeded(network, seed).items()}
    norms = [layer.name for layer in network.layers if isinstance(layer, BatchNorm)]
    return state | {f"{name}.num_batches_tracked": torch.tensor(0) for name in norms}


class _Zeros(nn.Module):
    """Zeros of a fixed shape, one for every image of the batch given."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.channels, self.height, self.width = shape

    def forward(self, images: Tensor) -> Tensor:
        return images.new_zeros([images.shape[0], self.channels, self.height, self.width])


@singledispatch
def _module(layer: Layer) -> nn.Module:
    raise layer.reject("cannot be built in PyTorch")


@_module.register
def _(layer: Conv2d) -> nn.Module:
    channels = (layer.in_channels, layer.out_channels)
    window = (layer.kernel, layer.stride, layer.padding)
    return nn.Conv2d(*channels, *window, groups=layer.groups, bias=layer.bias)


@_module.register
def _(layer: BatchNorm) -> nn.Module:
    return nn.BatchNorm2d(layer.channels, eps=layer.epsilon)


@_module.register
def _(layer: Relu) -> nn.Module:
    return nn.ReLU()


@_module.register
def _(layer: AvgPool) -> nn.Module:
    window = (layer.kernel, layer.stride, layer.padding)
    return nn.AvgPool2d(*window, count_include_pad=False)


@_module.register
def _(layer: GlobalAvgPool) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


@_module.register
def _(layer: Linear) -> nn.Module:
    return nn.Linear(layer.in_features, layer.out_features)


@_module.register
def _(layer: Zero) -> nn.Module:
    return _Zeros(layer.shape)


@_module.register
def _(layer: ChannelShuffle) -> nn.Module:
    return nn.ChannelShuffle(layer.groups)
