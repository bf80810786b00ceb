"""From a float32 ONNX model to one of lower precision, input and output left in float32."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from latkit.formats import int8
from latkit.formats.int8 import Scale
from latkit.formats.ranges import Ranges

FUSING = frozenset({"Add", "Conv", "Gemm", "Mul"})
"""Operators that runtimes fuse with a ReLU after them, where no scale stands in between."""
WEIGHTED = frozenset({"Conv", "Gemm"})
UNSIGNED = 128
"""Above int8. Activations are uint8: onnxruntime on x86 turns int8 ones into these, and does so by
halves where a tensor has several readers, which leaves most operators in float."""


def half(model: ModelProto) -> ModelProto:
    """All weights and all arithmetic in float16, between two casts."""
    graph = model.graph
    source, sink = graph.input[0].name, graph.output[0].name
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    nodes = [_cast(source, f"{source}.half", TensorProto.FLOAT16)]
    for node in graph.node:
        renamed = NodeProto()
        renamed.CopyFrom(node)
        _rename(renamed.input, source, f"{source}.half")
        _rename(renamed.output, sink, f"{sink}.half")
        nodes.append(renamed)
    nodes.append(_cast(f"{sink}.half", sink, TensorProto.FLOAT))
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _cast(source: str, output: str, kind: int) -> NodeProto:
    return helper.make_node("Cast", [source], [output], name=f"{output}.cast", to=kind)


def _rename(names: list[str], old: str, new: str) -> None:
    names[:] = [new if name == old else name for name in names]


def quantised(model: ModelProto, ranges: Ranges) -> ModelProto:
    """Int8 in QDQ form: every tensor goes through a pair of quantise and dequantise nodes.

    Runtimes fuse an operator and the pairs around it into an integer kernel, and run the pairs
    as they stand where they have none.
    """
    writer = _Quantiser(model, ranges)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    writer.activation(model.graph.input[0].name, model.graph.input[0].name)
    for node in nodes:
        writer.operator(node)
    return model


class _Quantiser:
    """Writes the nodes of a model anew, with pairs between them."""

    def __init__(self, model: ModelProto, ranges: Ranges) -> None:
        self.graph = model.graph
        self.ranges = ranges
        self.sink = model.graph.output[0].name
        self.scales: dict[str, Scale] = {}
        self.read_as: dict[str, str] = {}
        self.bare = _before_relu(list(model.graph.node)) - {self.sink}
        floats = [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT]
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in floats}
        for tensor in floats:
            model.graph.initializer.remove(tensor)

    def operator(self, node: NodeProto) -> None:
        """Write a node that reads dequantised tensors, and the pair after it."""
        written = NodeProto()
        written.CopyFrom(node)
        output = node.output[0]
        written.input[:] = self.inputs(node)
        if output == self.sink:
            written.output[:] = [f"{output}.float"]
        self.graph.node.append(written)
        if output not in self.bare:
            self.activation(output, written.output[0])

    def inputs(self, node: NodeProto) -> list[str]:
        weights = list(node.input)[1:] if node.op_type in WEIGHTED else []
        for name in set(node.input) & set(self.constants) - set(self.read_as) - set(weights):
            scale = int8.of_values(self.constants[name])
            signed = int8.integers(self.constants[name], scale).astype(np.int16)
            self.constant(name, (signed + UNSIGNED).astype(np.uint8), scale)
        if weights:
            self.weights(node)
        return [self.read_as.get(name, name) for name in node.input]

    def weights(self, node: NodeProto) -> None:
        source, weight, *bias = node.input
        values = self.constants[weight]
        scale = int8.of_weight(values, 0 if node.op_type == "Conv" else None)
        self.constant(weight, int8.integers(values, scale), scale)
        for name in bias:
            whole = int8.of_bias(self.scales[source], scale)
            self.constant(name, int8.bias_integers(self.constants[name], whole), whole)

    def activation(self, name: str, computed: str) -> None:
        """Quantise what was computed, and dequantise it for those who read it."""
        low, high = self.ranges[name]
        self.scales[name] = int8.of_range(low, high)
        step, zero = self.stored(name, self.scales[name], np.dtype(np.uint8))
        quantised = f"{name}.quantised"
        self.pair("QuantizeLinear", [computed, step, zero], quantised)
        self.read_as[name] = name if name == self.sink else f"{name}.dequantised"
        self.pair("DequantizeLinear", [quantised, step, zero], self.read_as[name])

    def constant(self, name: str, values: NDArray[np.integer[Any]], scale: Scale) -> None:
        self.scales[name] = scale
        step, zero = self.stored(name, scale, values.dtype)
        self.graph.initializer.append(numpy_helper.from_array(values, name))
        self.read_as[name] = f"{name}.dequantised"
        self.pair("DequantizeLinear", [name, step, zero], self.read_as[name], scale.axis)

    def stored(self, name: str, scale: Scale, kind: np.dtype[np.generic]) -> tuple[str, str]:
        """The constants that a pair reads: a vector of several steps, or one number."""
        shape = scale.step.shape if len(scale.step) > 1 else ()
        step, zero = f"{name}.step", f"{name}.zero"
        zero_point = scale.zero + (UNSIGNED if kind == np.uint8 else 0)
        zeros = np.full(shape, zero_point, dtype=kind)
        self.graph.initializer.append(numpy_helper.from_array(scale.step.reshape(shape), step))
        self.graph.initializer.append(numpy_helper.from_array(zeros, zero))
        return step, zero

    def pair(self, kind: str, inputs: list[str], output: str, axis: int = 0) -> None:
        name = f"{output}.{kind}"
        self.graph.node.append(helper.make_node(kind, inputs, [output], name=name, axis=axis))


def _before_relu(nodes: list[NodeProto]) -> set[str]:
    """Tensors that nobody reads but a ReLU which is fused with the operator before it."""
    readers = Counter(name for node in nodes for name in node.input)
    able = {node.output[0] for node in nodes if node.op_type in FUSING}
    relus = {node.input[0] for node in nodes if node.op_type == "Relu"}
    return {name for name in relus & able if readers[name] == 1}
