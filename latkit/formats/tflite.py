"""TFLite files, written operator by operator: milliseconds, no TensorFlow, no converter.

Every operator is written in the lowest version that knows what is used of it, so that
tflite-runtime 2.14 reads the files too. The layout is TFLite's own: input ``input``
(batch, height, width, 3), output ``classifier`` (batch, classes), both float32 in every precision,
the batch fixed. Needs the extra ``tflite``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import singledispatchmethod
from math import prod

import numpy as np

from latkit.condition import Precision
from latkit.formats import weights as drawn
from latkit.formats.lower import affine, lower
from latkit.formats.onnx import float_model
from latkit.formats.ranges import observed
from latkit.formats.rescale import within_half
from latkit.formats.tflite_file import NONE, RELU, SAME, VALID, File
from latkit.formats.tflite_reduced import HalfFile, Int8File
from latkit.formats.weights import Weights
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

GROUPED_CONV_VERSION = 6
FUSING = (Conv2d, BatchNorm, AvgPool, Linear, Add)


def build(
    network: Network, *, seed: int = 0, batch: int = 1, precision: Precision = "fp32"
) -> bytes:
    """A serialised model with the weights of ``weights.seeded``.

    Batch normalisation is folded into convolutions, ReLU fused into the operator before it.
    Operations whose result nobody uses are left out, as every converter does: XNNPACK aborts
    on chains of them in ai-edge-litert 1.1 to 2.0. Raises UsageError for an average pooling
    whose padding TFLite cannot express.
    """
    lowered, weights = lower(_used(network), drawn.seeded(network, seed))
    file = File()
    if precision != "fp32":
        ranges = observed(float_model(lowered, weights, batch=1))
        file = Int8File(ranges) if precision == "int8" else HalfFile()
        if precision == "fp16":
            weights = within_half(lowered, weights, ranges)
    writer = _Writer(lowered, weights, batch, file)
    for layer in lowered.layers:
        writer.write(layer)
    return file.content(lowered.layers[0].name, lowered.output)


class _Writer:
    """Adds to a file what layers are in TFLite."""

    def __init__(self, network: Network, weights: Weights, batch: int, file: File) -> None:
        self.network = network
        self.weights = weights
        self.batch = batch
        self.fused = _fused(network)
        self.file = file

    def shape(self, name: str) -> Shape:
        channels, *plane = self.network.shapes[name]
        return (self.batch, *plane, channels)

    def output(self, layer: Layer) -> str:
        """The tensor that the layer's last operator fills: that of a ReLU fused into it."""
        name = self.fused.get(layer.name, layer.name)
        return self.file.computed(name, self.shape(layer.name))

    def partial(self, layer: Layer, name: str) -> str:
        """A tensor of the layer's shape on the way to its output."""
        return self.file.computed(f"{layer.name}.{name}", self.shape(layer.name))

    def activation(self, layer: Layer) -> dict[str, int]:
        return {"fusedActivationFunction": RELU if layer.name in self.fused else NONE}

    @singledispatchmethod
    def write(self, layer: Layer) -> None:
        raise layer.reject("cannot be written as TFLite")

    @write.register
    def _(self, layer: Input) -> None:
        self.file.source(layer.name, self.shape(layer.name))

    @write.register
    def _(self, layer: Conv2d) -> None:
        depthwise = layer.groups == layer.in_channels > 1
        x, padding = self.padded(layer)
        axes, channels = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
        inputs = [x, *self.kernel(layer, x, axes, channels)]
        settings = {"padding": padding, **_strides(layer), **self.activation(layer)}
        if depthwise:
            settings["depthMultiplier"] = layer.out_channels // layer.in_channels
            self.file.operator("DEPTHWISE_CONV_2D", inputs, self.output(layer), **settings)
        else:
            version = GROUPED_CONV_VERSION if layer.groups > 1 else 1
            self.file.operator("CONV_2D", inputs, self.output(layer), version, **settings)

    def kernel(self, layer: Conv2d, x: str, axes: Shape, channels: int) -> list[str]:
        """Weight, its axes in that order, and bias, which TFLite's converters always write."""
        weight, bias = f"{layer.name}.weight", f"{layer.name}.bias"
        no_bias = np.zeros(layer.out_channels, dtype=np.float32)
        self.file.weight(weight, self.weights[weight].transpose(axes), channels)
        self.file.bias(bias, self.weights[bias] if layer.bias else no_bias, x, weight)
        return [weight, bias]

    def padded(self, layer: Conv2d) -> tuple[str, int]:
        """The tensor that a convolution is to read, and how it is to pad that itself."""
        x, margin = layer.inputs[0], layer.padding
        if margin == 0:
            return x, VALID
        if self.is_same(layer):
            return x, SAME
        name = f"{layer.name}.padded"
        margins = np.array([[0, 0], [margin] * 2, [margin] * 2, [0, 0]], dtype=np.int32)
        inputs = [x, self.file.stored(f"{name}.margins", margins)]
        batch, height, width, channels = self.shape(x)
        self.file.alike(name, (batch, height + 2 * margin, width + 2 * margin, channels), x)
        return self.file.operator("PAD", inputs, name), VALID

    def is_same(self, layer: Conv2d | AvgPool) -> bool:
        """Whether TFLite's SAME puts every window where symmetric padding puts it."""
        (_, *given), (_, *made) = (self.network.shapes[x] for x in (layer.inputs[0], layer.name))
        return all(_is_same(layer, *sizes) for sizes in zip(given, made, strict=True))

    @write.register
    def _(self, layer: BatchNorm) -> None:
        scale, shift = affine(layer, self.weights)
        inputs = [*layer.inputs, self.file.constant(f"{layer.name}.scale", scale)]
        scaled = self.file.operator("MUL", inputs, self.partial(layer, "scaled"))
        inputs = [scaled, self.file.constant(f"{layer.name}.shift", shift)]
        self.file.operator("ADD", inputs, self.output(layer), **self.activation(layer))

    @write.register
    def _(self, layer: Relu) -> None:
        if layer.inputs[0] not in self.fused:
            self.file.operator("RELU", list(layer.inputs), self.output(layer))

    @write.register
    def _(self, layer: AvgPool) -> None:
        if layer.padding and not self.is_same(layer):
            raise layer.reject("its padding is not TFLite's SAME, and TFLite has no other")
        window = {"filterHeight": layer.kernel, "filterWidth": layer.kernel, **_strides(layer)}
        settings = {"padding": SAME if layer.padding else VALID, **self.activation(layer)}
        inputs = list(layer.inputs)
        self.file.operator("AVERAGE_POOL_2D", inputs, self.output(layer), **window, **settings)

    @write.register
    def _(self, layer: GlobalAvgPool) -> None:
        axes = self.file.stored(f"{layer.name}.axes", np.array([1, 2], dtype=np.int32))
        self.file.operator("MEAN", [*layer.inputs, axes], self.output(layer), keepDims=False)

    @write.register
    def _(self, layer: Linear) -> None:
        weight, bias = f"{layer.name}.weight", f"{layer.name}.bias"
        self.file.weight(weight, self.weights[weight], axis=None)
        self.file.bias(bias, self.weights[bias], layer.inputs[0], weight)
        settings = self.activation(layer)
        inputs = [*layer.inputs, weight, bias]
        self.file.operator("FULLY_CONNECTED", inputs, self.output(layer), **settings)

    @write.register
    def _(self, layer: Add) -> None:
        # Pairs, not ADD_N, which XNNPACK leaves to the builtin kernels.
        total, *others = layer.inputs
        for number, term in enumerate(others[:-1], start=1):
            partial = self.partial(layer, f"partial{number}")
            total = self.file.operator("ADD", [total, term], partial)
        inputs = [total, others[-1]]
        self.file.operator("ADD", inputs, self.output(layer), **self.activation(layer))

    @write.register
    def _(self, layer: Zero) -> None:
        self.file.constant(layer.name, np.zeros(self.shape(layer.name), dtype=np.float32))

    @write.register
    def _(self, layer: ChannelShuffle) -> None:
        *plane, channels = self.shape(layer.name)
        positions, share = prod(plane), channels // layer.groups
        apart, swapped = f"{layer.name}.apart", f"{layer.name}.swapped"
        self.reshape(layer.inputs[0], apart, (positions, layer.groups, share))
        order = self.file.stored(f"{swapped}.order", np.array([0, 2, 1], dtype=np.int32))
        self.file.computed(swapped, (positions, share, layer.groups))
        self.file.operator("TRANSPOSE", [apart, order], swapped)
        self.reshape(swapped, layer.name, (*plane, channels))

    def reshape(self, x: str, output: str, shape: Shape) -> None:
        target = self.file.stored(f"{output}.shape", np.array(shape, dtype=np.int32))
        self.file.computed(output, shape)
        self.file.operator("RESHAPE", [x, target], output, newShape=shape)


def _used(network: Network) -> Network:
    """The network without the layers whose result its output does not depend on."""
    used = {network.output}
    for layer in reversed(network.layers):
        if layer.name in used:
            used.update(layer.inputs)
    kept = [layer for layer in network.layers if layer.name in used or isinstance(layer, Input)]
    return replace(network, layers=tuple(kept))


def _fused(network: Network) -> dict[str, str]:
    """Every ReLU that the operator before it can do itself, by the name of the layer before."""
    readers = Counter(name for layer in network.layers for name in layer.inputs)
    able = {layer.name for layer in network.layers if isinstance(layer, FUSING)}
    relus = {layer.inputs[0]: layer.name for layer in network.layers if isinstance(layer, Relu)}
    return {name: relu for name, relu in relus.items() if name in able and readers[name] == 1}


def _strides(layer: Conv2d | AvgPool) -> dict[str, int]:
    return {"strideH": layer.stride, "strideW": layer.stride}


def _is_same(layer: Conv2d | AvgPool, given: int, made: int) -> bool:
    """The same for one axis; SAME pads no more than it must, the smaller half first."""
    missing = max((made - 1) * layer.stride + layer.kernel - given, 0)
    return made == -(-given // layer.stride) and missing // 2 == layer.padding
