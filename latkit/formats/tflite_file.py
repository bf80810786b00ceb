"""The container of TFLite: tensors, constants and operators of one graph, as FlatBuffers.

The schema comes with the package ai-edge-litert (the extra ``tflite``); operators and the
settings of their options carry the schema's names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.errors import MissingDependency
from latkit.network import Shape

try:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
except ModuleNotFoundError:
    raise MissingDependency("ai-edge-litert", "tflite", "building a TFLite file") from None

Constant = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.int32] | NDArray[np.int8]

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
NONE, RELU = schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
# The schema demands that constants are aligned; its Python code does not see to it.
ALIGNMENT_BYTES = 16
OPTIONS = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "PAD": "PadOptions",
    "QUANTIZE": "QuantizeOptions",
    "RESHAPE": "ReshapeOptions",
    "TRANSPOSE": "TransposeOptions",
}


@dataclass(frozen=True, slots=True)
class _Buffer:
    """The bytes of a constant, aligned when they are packed."""

    data: bytes

    def Pack(self, flat: Any) -> Any:  # noqa: N802 - the name by which ModelT calls it
        flat.Prep(ALIGNMENT_BYTES, len(self.data))
        data = flat.CreateByteVector(self.data)
        schema.BufferStart(flat)
        schema.BufferAddData(flat, data)
        return schema.BufferEnd(flat)


class File:
    """A model that grows by tensors and operators; a tensor is added before it is used."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: dict[tuple[int, int], int] = {}
        # By convention the first buffer is empty, and that of every tensor that is computed.
        self.buffers = [_Buffer(b"")]

    def source(self, name: str, shape: Shape) -> str:
        """Add the float32 tensor that the caller fills; returns its name."""
        return self.empty(name, shape)

    def computed(self, name: str, shape: Shape) -> str:
        """Add a tensor that an operator fills; returns its name."""
        return self.empty(name, shape)

    def alike(self, name: str, shape: Shape, other: str) -> str:
        """Add one that holds the same values as another, in another arrangement."""
        return self.empty(name, shape)

    def constant(self, name: str, values: NDArray[np.float32]) -> str:
        """Add a tensor of fixed real values; returns its name."""
        return self.stored(name, values)

    def weight(self, name: str, values: NDArray[np.float32], axis: int | None) -> str:
        """Add a weight whose output channels, if they may differ in scale, lie along an axis."""
        return self.constant(name, values)

    def bias(self, name: str, values: NDArray[np.float32], source: str, weight: str) -> str:
        """Add what is added to the products of a tensor and a weight."""
        return self.constant(name, values)

    def empty(self, name: str, shape: Shape, kind: int = schema.TensorType.FLOAT32) -> str:
        """Add a tensor without values; returns its name."""
        return self._tensor(name, shape, kind, buffer=0)

    def stored(self, name: str, values: Constant) -> str:
        """Add a tensor of fixed values as they are; returns its name."""
        self.buffers.append(_Buffer(values.tobytes()))
        kind = getattr(schema.TensorType, values.dtype.name.upper())
        return self._tensor(name, values.shape, kind, buffer=len(self.buffers) - 1)

    def operator(
        self, kind: str, inputs: list[str], output: str, version: int = 1, **settings: Any
    ) -> str:
        """Add an operator; returns ``output``, the name of the tensor that it fills."""
        operator = schema.OperatorT()
        code = (getattr(schema.BuiltinOperator, kind), version)
        operator.opcodeIndex = self.codes.setdefault(code, len(self.codes))
        operator.inputs = [self.numbers[name] for name in inputs]
        operator.outputs = [self.numbers[output]]
        if kind in OPTIONS:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[kind])
            operator.builtinOptions = _options(OPTIONS[kind], settings)
        self.operators.append(operator)
        return output

    def content(self, source: str, sink: str) -> bytes:
        """The file, with the tensors that are the graph's input and output."""
        graph = schema.SubGraphT()
        graph.name = "latkit"
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [self.numbers[source]], [self.numbers[sink]]
        model = schema.ModelT()
        model.version, model.description = SCHEMA_VERSION, "latkit"
        model.operatorCodes = [_operator_code(*code) for code in self.codes]
        model.subgraphs, model.buffers = [graph], self.buffers
        # Room for all constants at the start: a FlatBuffers builder that grows copies all it has.
        constants = sum(len(buffer.data) + ALIGNMENT_BYTES for buffer in self.buffers)
        flat = flatbuffers.Builder(constants + 2**16)
        flat.Finish(model.Pack(flat), FILE_IDENTIFIER)
        return bytes(flat.Output())

    def _tensor(self, name: str, shape: Shape, kind: int, buffer: int) -> str:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, kind, buffer
        self.numbers[name] = len(self.tensors)
        self.tensors.append(tensor)
        return name


def _options(name: str, settings: dict[str, Any]) -> Any:
    options = getattr(schema, f"{name}T")()
    for setting, value in settings.items():
        setattr(options, setting, value)
    return options


def _operator_code(kind: int, version: int) -> Any:
    code = schema.OperatorCodeT()
    # Runtimes before 2.4 read the first field, later ones the larger of the two.
    code.deprecatedBuiltinCode = code.builtinCode = kind
    code.version = version
    return code
