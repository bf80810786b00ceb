"""ncnn files: the text of ``.param``, a zero byte, and the weights of ``.bin``.

Written as ncnn's own tools leave a network: batch normalisation and rectifiers folded into
convolutions, a Split wherever several layers read a tensor
(https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure). Input ``input`` and output
``classifier``, of one image.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import singledispatchmethod

import numpy as np

from latkit.condition import Precision
from latkit.errors import UsageError
from latkit.formats import weights as drawn
from latkit.formats.lower import affine, lower
from latkit.formats.weights import Array, Weights
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
    Zero,
)

MAGIC = 7767517
_FLOATS = (0).to_bytes(4, "little")
_HALVES = (0x01306B47).to_bytes(4, "little")
_ALIGNMENT = 4
_RELU = 1
_AVERAGE = 1
_FLOOR = 1


def build(
    network: Network, *, seed: int = 0, batch: int = 1, precision: Precision = "fp32"
) -> bytes:
    """The content of a file; raises UsageError where more than one image is asked for."""
    if batch != 1:
        raise UsageError("an ncnn model takes one image at a time", "leave --batch at 1")
    lowered, weights = lower(network, drawn.seeded(network, seed))
    rectified = _rectified(lowered)
    writer = _Writer(lowered, weights, rectified, precision == "fp16")
    for layer in lowered.layers:
        if isinstance(layer, Relu) and layer.inputs[0] in rectified:
            continue
        writer.write(layer)
        writer.share(rectified.get(layer.name, layer.name))
    return writer.content()


def _rectified(network: Network) -> dict[str, str]:
    """Convolutions that only a rectifier reads, and its name."""
    readers = Counter(name for layer in network.layers for name in layer.inputs)
    own = {layer.name: layer for layer in network.layers}
    return {
        layer.inputs[0]: layer.name
        for layer in network.layers
        if isinstance(layer, Relu)
        and isinstance(own[layer.inputs[0]], Conv2d)
        and readers[layer.inputs[0]] == 1
    }


@dataclass
class _Writer:
    """A model that grows one layer after the other."""

    network: Network
    weights: Weights
    rectified: dict[str, str]
    halves: bool
    lines: list[str] = field(default_factory=list)
    blobs: int = 0
    stored: bytearray = field(default_factory=bytearray)
    unread: dict[str, list[str]] = field(default_factory=dict)

    def content(self) -> bytes:
        head = f"{MAGIC}\n{len(self.lines)} {self.blobs}\n"
        return (head + "\n".join(self.lines) + "\n").encode() + b"\0" + bytes(self.stored)

    def layer(
        self, kind: str, inputs: list[str], outputs: list[str], options: dict[int, int]
    ) -> None:
        told = " ".join(f"{key}={value}" for key, value in options.items())
        names = " ".join([*inputs, *outputs])
        self.lines.append(
            f"{kind} {outputs[0]} {len(inputs)} {len(outputs)} {names} {told}".rstrip()
        )
        self.blobs += len(outputs)

    def share(self, name: str) -> None:
        """A copy for each reader of a tensor, as each may be read once."""
        count = sum(reader.inputs.count(name) for reader in self.network.layers)
        copies = [f"{name}.{number}" for number in range(count)]
        if count > 1:
            self.layer("Split", [name], copies, {})
        self.unread[name] = copies if count > 1 else [name]

    def inputs(self, layer: Layer) -> list[str]:
        return [self.unread[name].pop(0) for name in layer.inputs]

    def store(self, values: Array, *, tagged: bool = False) -> None:
        """Weights of products are tagged with their type, and may be halves; others are not."""
        if not tagged:
            self.stored += values.astype("<f4").tobytes()
            return
        self.stored += _HALVES if self.halves else _FLOATS
        self.stored += values.astype("<f2" if self.halves else "<f4").tobytes()
        self.stored += bytes(-len(self.stored) % _ALIGNMENT)

    @singledispatchmethod
    def write(self, layer: Layer) -> None:
        raise layer.reject("cannot be written for ncnn")

    @write.register
    def _(self, layer: Input) -> None:
        channels, height, width = self.network.shapes[layer.name]
        self.layer("Input", [], [layer.name], {0: width, 1: height, 2: channels})

    @write.register
    def _(self, layer: Conv2d) -> None:
        weight = self.weights[f"{layer.name}.weight"]
        options = {
            0: layer.out_channels, 1: layer.kernel, 3: layer.stride, 4: layer.padding,
            5: int(layer.bias), 6: weight.size,
        }  # fmt: skip
        output = self.rectified.get(layer.name, layer.name)
        if layer.groups > 1:
            options[7] = layer.groups
        if output != layer.name:
            options[9] = _RELU
        kind = "ConvolutionDepthWise" if layer.groups > 1 else "Convolution"
        self.layer(kind, self.inputs(layer), [output], options)
        self.store(weight, tagged=True)
        if layer.bias:
            self.store(self.weights[f"{layer.name}.bias"])

    @write.register
    def _(self, layer: BatchNorm) -> None:
        self.layer("Scale", self.inputs(layer), [layer.name], {0: layer.channels, 1: 1})
        for values in affine(layer, self.weights):
            self.store(values)

    @write.register
    def _(self, layer: Relu) -> None:
        self.layer("ReLU", self.inputs(layer), [layer.name], {})

    @write.register
    def _(self, layer: AvgPool) -> None:
        window = {1: layer.kernel, 2: layer.stride, 3: layer.padding}
        options = {0: _AVERAGE, **window, 5: _FLOOR}
        self.layer("Pooling", self.inputs(layer), [layer.name], options)

    @write.register
    def _(self, layer: GlobalAvgPool) -> None:
        self.layer("Pooling", self.inputs(layer), [layer.name], {0: _AVERAGE, 4: 1})

    @write.register
    def _(self, layer: Linear) -> None:
        size = layer.out_features * layer.in_features
        options = {0: layer.out_features, 1: 1, 2: size}
        self.layer("InnerProduct", self.inputs(layer), [layer.name], options)
        self.store(self.weights[f"{layer.name}.weight"], tagged=True)
        self.store(self.weights[f"{layer.name}.bias"])

    @write.register
    def _(self, layer: Add) -> None:
        total, *others = self.inputs(layer)
        for number, term in enumerate(others, start=1):
            last = number == len(others)
            output = layer.name if last else f"{layer.name}.partial{number}"
            self.layer("BinaryOp", [total, term], [output], {0: 0})
            total = output

    @write.register
    def _(self, layer: Zero) -> None:
        channels, height, width = layer.shape
        self.layer("MemoryData", [], [layer.name], {0: width, 1: height, 2: channels})
        self.store(np.zeros(layer.shape, dtype=np.float32))

    @write.register
    def _(self, layer: ChannelShuffle) -> None:
        self.layer("ShuffleChannel", self.inputs(layer), [layer.name], {0: layer.groups})
