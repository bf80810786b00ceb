"""ONNX files, written node by node: milliseconds a network, and no PyTorch.

Opset 13 and IR version 7 are all that these layers need, so that runtimes as old as
onnxruntime 1.7 read the files. Input ``input`` (batch, 3, height, width), output
``classifier`` (batch, classes), both float32, the batch fixed.
"""

from __future__ import annotations

from functools import singledispatchmethod

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from latkit.condition import Precision
from latkit.formats import weights as drawn
from latkit.formats.lower import affine, lower
from latkit.formats.onnx_reduced import half, quantised
from latkit.formats.ranges import observed
from latkit.formats.rescale import within_half
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
    Zero,
)

Constant = NDArray[np.float32] | NDArray[np.int64]

OPSET = 13
IR_VERSION = 7


def build(
    network: Network, *, seed: int = 0, batch: int = 1, precision: Precision = "fp32"
) -> bytes:
    """A serialised model with the weights of ``weights.seeded``, input and output in float32.

    Batch normalisation is folded into convolutions; operations whose result nobody uses are
    left to the runtime's own optimiser.
    """
    lowered, weights = lower(network, drawn.seeded(network, seed))
    if precision == "fp32":
        return _content(float_model(lowered, weights, batch))
    ranges = observed(float_model(lowered, weights, batch=1))
    if precision == "int8":
        return _content(quantised(float_model(lowered, weights, batch), ranges))
    return _content(half(float_model(lowered, within_half(lowered, weights, ranges), batch)))


def float_model(lowered: Network, weights: Weights, batch: int) -> ModelProto:
    """The model of a lowered network in float32, not serialised."""
    writer = _Writer(lowered, weights, batch)
    for layer in lowered.layers:
        writer.write(layer)
    return writer.model


def _content(model: ModelProto) -> bytes:
    content: bytes = model.SerializeToString()
    return content


class _Writer:
    """A model that grows one layer after the other."""

    def __init__(self, network: Network, weights: Weights, batch: int) -> None:
        self.network = network
        self.weights = weights
        self.batch = batch
        self.model = ModelProto(ir_version=IR_VERSION, producer_name="latkit")
        self.model.opset_import.append(helper.make_opsetid("", OPSET))
        self.graph = self.model.graph
        self.graph.name = "latkit"
        self.graph.input.append(self.value(network.layers[0].name))
        self.graph.output.append(self.value(network.output))

    def value(self, name: str) -> ValueInfoProto:
        shape = (self.batch, *self.network.shapes[name])
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def node(
        self, kind: str, inputs: list[str], output: str, **attributes: int | list[int]
    ) -> None:
        node = self.graph.node.add(op_type=kind, name=output, input=inputs, output=[output])
        node.attribute.extend(helper.make_attribute(*item) for item in attributes.items())

    def constant(self, name: str, values: Constant) -> str:
        # Filled in place: helper.make_graph and make_model would copy all weights thrice.
        self.graph.initializer.add(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(values.dtype),
            dims=values.shape,
            raw_data=values.tobytes(),
        )
        return name

    def stored(self, layer: Layer) -> list[str]:
        names = [f"{layer.name}.{tensor}" for tensor in layer.weights()]
        return [self.constant(name, self.weights[name]) for name in names]

    @singledispatchmethod
    def write(self, layer: Layer) -> None:
        raise layer.reject("cannot be written as ONNX")

    @write.register
    def _(self, layer: Input) -> None:
        pass

    @write.register
    def _(self, layer: Conv2d) -> None:
        inputs = [*layer.inputs, *self.stored(layer)]
        window = _window(layer.kernel, layer.stride, layer.padding)
        self.node("Conv", inputs, layer.name, group=layer.groups, **window)

    @write.register
    def _(self, layer: BatchNorm) -> None:
        scale, shift = (values[None, :, None, None] for values in affine(layer, self.weights))
        scaled = f"{layer.name}.scaled"
        self.node("Mul", [*layer.inputs, self.constant(f"{layer.name}.scale", scale)], scaled)
        self.node("Add", [scaled, self.constant(f"{layer.name}.shift", shift)], layer.name)

    @write.register
    def _(self, layer: Relu) -> None:
        self.node("Relu", list(layer.inputs), layer.name)

    @write.register
    def _(self, layer: AvgPool) -> None:
        window = _window(layer.kernel, layer.stride, layer.padding)
        self.node("AveragePool", list(layer.inputs), layer.name, **window)

    @write.register
    def _(self, layer: GlobalAvgPool) -> None:
        pooled = f"{layer.name}.pooled"
        self.node("GlobalAveragePool", list(layer.inputs), pooled)
        self.node("Flatten", [pooled], layer.name)

    @write.register
    def _(self, layer: Linear) -> None:
        self.node("Gemm", [*layer.inputs, *self.stored(layer)], layer.name, transB=1)

    @write.register
    def _(self, layer: Add) -> None:
        # Pairs, not Sum: runtimes fuse an Add into the convolution before it.
        total, *others = layer.inputs
        for number, term in enumerate(others[:-1], start=1):
            partial = f"{layer.name}.partial{number}"
            self.node("Add", [total, term], partial)
            total = partial
        self.node("Add", [total, others[-1]], layer.name)

    @write.register
    def _(self, layer: Zero) -> None:
        self.constant(layer.name, np.zeros((self.batch, *layer.shape), dtype=np.float32))

    @write.register
    def _(self, layer: ChannelShuffle) -> None:
        channels, *plane = self.network.shapes[layer.name]
        split = [self.batch, layer.groups, channels // layer.groups, *plane]
        apart, swapped = f"{layer.name}.apart", f"{layer.name}.swapped"
        self.reshape(layer.inputs[0], split, apart)
        self.node("Transpose", [apart], swapped, perm=[0, 2, 1, 3, 4])
        self.reshape(swapped, [self.batch, channels, *plane], layer.name)

    def reshape(self, x: str, shape: list[int], output: str) -> None:
        target = self.constant(f"{output}.shape", np.array(shape, dtype=np.int64))
        self.node("Reshape", [x, target], output)


def _window(kernel: int, stride: int, padding: int) -> dict[str, list[int]]:
    # AveragePool leaves padding out of the average unless told otherwise.
    return {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [padding] * 4}
