"""The layers of a network: what every file format and every cost figure is made from.

Shapes are of one image, ``(channels, height, width)`` or ``(features,)``; the batch is chosen
when a file is built. Counting conventions: a multiply-accumulate is two FLOPs, and only
convolutions and linear layers have any, as ``torch.utils.flop_counter`` counts; parameters are
what training would change; bytes are of 32-bit floats.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import prod
from typing import Any

from latkit.errors import UsageError

Shape = tuple[int, ...]
FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """One operation on the outputs of the layers named in ``inputs``.

    ``name`` is dotted (``stage1.cell0.op01.conv``) and no layer's name is a parent of another's.
    """

    name: str
    inputs: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The layer's type, as cost figures name it."""
        return type(self).__name__

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Shape of the output; raises UsageError where the inputs do not fit."""
        return inputs[0]

    def weights(self) -> dict[str, Shape]:
        """Names and shapes of all stored tensors, in PyTorch's naming and order of axes."""
        return {}

    def flops(self, output: Shape) -> int:
        """FLOPs for one image, given the output's shape."""
        return 0

    def reject(self, problem: str) -> UsageError:
        """The error that tells what is wrong with this layer."""
        return UsageError(f"layer {self.name!r} ({self.kind}): {problem}")


@dataclass(frozen=True, slots=True)
class Input(Layer):
    """The image; every network has exactly one, its first layer."""


@dataclass(frozen=True, slots=True)
class Conv2d(Layer):
    """Square convolution with symmetric padding; weight (out, in / groups, kernel, kernel)."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = False

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] != self.in_channels:
            raise self.reject(f"expects {self.in_channels} channels, gets shape {inputs[0]}")
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise self.reject(f"channels are not divisible into {self.groups} groups")
        return (
            self.out_channels,
            *_window(self, inputs[0], self.kernel, self.stride, self.padding),
        )

    def weights(self) -> dict[str, Shape]:
        shape = (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)
        return {"weight": shape, "bias": (self.out_channels,)} if self.bias else {"weight": shape}

    def flops(self, output: Shape) -> int:
        return 2 * prod(output) * (self.in_channels // self.groups) * self.kernel**2


@dataclass(frozen=True, slots=True)
class BatchNorm(Layer):
    """Batch normalisation in inference: scale and shift by running statistics."""

    channels: int
    epsilon: float = 1e-5

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] != self.channels:
            raise self.reject(f"expects {self.channels} channels, gets shape {inputs[0]}")
        return inputs[0]

    def weights(self) -> dict[str, Shape]:
        return dict.fromkeys(("weight", "bias", *STATISTICS), (self.channels,))


@dataclass(frozen=True, slots=True)
class Relu(Layer):
    """max(x, 0)."""


@dataclass(frozen=True, slots=True)
class AvgPool(Layer):
    """Average over a square window; padding is never counted in the average."""

    kernel: int
    stride: int = 1
    padding: int = 0

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        window = _window(self, inputs[0], self.kernel, self.stride, self.padding)
        return (inputs[0][0], *window)


@dataclass(frozen=True, slots=True)
class GlobalAvgPool(Layer):
    """Average over all positions: (C, H, W) to (C,)."""

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0][:1]


@dataclass(frozen=True, slots=True)
class Linear(Layer):
    """Fully connected layer with bias; weight (out, in)."""

    in_features: int
    out_features: int

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0] != (self.in_features,):
            raise self.reject(f"expects shape ({self.in_features},), gets {inputs[0]}")
        return (self.out_features,)

    def weights(self) -> dict[str, Shape]:
        shape = (self.out_features, self.in_features)
        return {"weight": shape, "bias": (self.out_features,)}

    def flops(self, output: Shape) -> int:
        return 2 * self.in_features * self.out_features


@dataclass(frozen=True, slots=True)
class Add(Layer):
    """Sum of two or more inputs of one shape, one of which may occur twice."""

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs) < 2 or any(shape != inputs[0] for shape in inputs):
            raise self.reject(f"needs two or more inputs of one shape, gets {list(inputs)}")
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Zero(Layer):
    """Zeros: what a cell's node holds when nothing flows into it."""

    shape: Shape

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        return self.shape


@dataclass(frozen=True, slots=True)
class ChannelShuffle(Layer):
    """Transposes (groups, C / groups) on the channel axis, so that groups exchange channels."""

    groups: int

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] % self.groups:
            raise self.reject(f"{inputs[0][0]} channels are not divisible by {self.groups}")
        return inputs[0]


STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What one layer computes and moves for one image.

    ``input_bytes`` and ``activation_bytes`` are what it reads and writes of activations,
    ``weight_bytes`` what it stores (running statistics included).
    """

    name: str
    kind: str
    flops: int
    params: int
    activation_bytes: int
    input_bytes: int
    weight_bytes: int


@dataclass(frozen=True)
class Network:
    """Layers in topological order, the first one Input, the last one the output.

    Raises UsageError where a layer's inputs do not fit it.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers or not isinstance(self.layers[0], Input):
            raise UsageError(f"network {self.name!r} does not begin with its input")
        if len(self.shapes) != len(self.layers):
            raise UsageError(f"network {self.name!r} has two layers of one name")

    @property
    def output(self) -> str:
        """Name of the layer whose output is the network's."""
        return self.layers[-1].name

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Output shape of every layer, by name."""
        shapes: dict[str, Shape] = {}
        for layer in self.layers:
            shapes[layer.name] = output_shape(layer, shapes, self.input_shape)
        return shapes

    def digest(self) -> str:
        """SHA-256 over structure and shapes, independent of names and weights; hex."""
        numbers = {layer.name: number for number, layer in enumerate(self.layers)}
        structure = [
            [layer.kind, [numbers[name] for name in layer.inputs], *_settings(layer)]
            for layer in self.layers
        ]
        text = json.dumps([self.input_shape, structure], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def costs(self) -> tuple[LayerCost, ...]:
        """Cost of every layer, in order."""
        return tuple(self._cost(layer) for layer in self.layers)

    @property
    def flops(self) -> int:
        """FLOPs of one inference of one image."""
        return sum(cost.flops for cost in self.costs())

    @property
    def params(self) -> int:
        """Number of trainable parameters."""
        return sum(cost.params for cost in self.costs())

    def _cost(self, layer: Layer) -> LayerCost:
        output = self.shapes[layer.name]
        stored = {name: prod(shape) for name, shape in layer.weights().items()}
        return LayerCost(
            name=layer.name,
            kind=layer.kind,
            flops=layer.flops(output),
            params=sum(size for name, size in stored.items() if name not in STATISTICS),
            activation_bytes=FLOAT_BYTES * prod(output),
            input_bytes=FLOAT_BYTES * sum(prod(self.shapes[name]) for name in layer.inputs),
            weight_bytes=FLOAT_BYTES * sum(stored.values()),
        )


def output_shape(layer: Layer, shapes: dict[str, Shape], input_shape: Shape) -> Shape:
    """Shape of a layer's output, given those of the layers before it."""
    if isinstance(layer, Input):
        return input_shape
    unknown = [name for name in layer.inputs if name not in shapes]
    if unknown:
        raise layer.reject(f"input {unknown[0]!r} is not a layer before it")
    return layer.output_shape([shapes[name] for name in layer.inputs])


def _settings(layer: Layer) -> list[Any]:
    names = [field.name for field in fields(layer)]
    return [getattr(layer, name) for name in names if name not in ("name", "inputs")]


def _window(layer: Layer, shape: Shape, kernel: int, stride: int, padding: int) -> Shape:
    if len(shape) != 3 or min(shape[1:]) + 2 * padding < kernel:
        raise layer.reject(f"a {kernel}x{kernel} window does not fit into shape {shape}")
    return tuple((size + 2 * padding - kernel) // stride + 1 for size in shape[1:])
