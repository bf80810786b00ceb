"""Numpy code, run once on stand-ins for arrays, written down as an ONNX graph.

A ``Tensor`` answers to the numpy functions and methods that features and posterior use, and notes
each as a node. So a formula is written once, tested with numpy, and shipped as ONNX. Opset 13 is
what runtimes of 2021 and later read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import onnx
from numpy.lib.mixins import NDArrayOperatorsMixin
from onnx import helper, numpy_helper

OPSET = 13
IR_VERSION = 7

_UFUNCS: dict[Any, str] = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.true_divide: "Div",
    np.matmul: "MatMul",
    np.exp: "Exp",
    np.log: "Log",
    np.sqrt: "Sqrt",
    np.maximum: "Max",
    np.minimum: "Min",
    np.equal: "Equal",
    np.greater: "Greater",
    np.bitwise_and: "And",
    np.bitwise_or: "Or",
}
_COMPARISONS = {np.equal, np.greater}


class Graph:
    """Collects nodes; ``model`` makes a file of them.

    Args:
        begun: a model to go on from. What it answers with is found in ``outputs``, by name, and
            is no output of the whole.
    """

    def __init__(self, begun: onnx.ModelProto | None = None) -> None:
        self._begun = begun or _nothing()
        self._nodes = list(self._begun.graph.node)
        self._constants = list(self._begun.graph.initializer)
        self._inputs = list(self._begun.graph.input)
        self._taken = _names(self._begun.graph)
        self._known: dict[Any, Tensor] = {}
        self.outputs = {
            info.name: Tensor(self, info.name, _numpy_type(info))
            for info in self._begun.graph.output
        }

    def input(self, name: str, dtype: Any, shape: Sequence[int | str]) -> Tensor:
        """An input of the graph; a dimension that may vary is given by a name."""
        self._inputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))
        self._taken.add(name)
        return Tensor(self, name, np.dtype(dtype))

    def constant(self, value: Any, dtype: Any) -> Tensor:
        """An array that is stored in the graph, once."""
        array = np.asarray(value, dtype=dtype, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            name = self._name("c", len(self._constants))
            self._constants.append(numpy_helper.from_array(array, name))
            self._known[key] = Tensor(self, name, array.dtype)
        return self._known[key]

    def node(self, kind: str, inputs: Sequence[Tensor], dtype: Any, **attributes: Any) -> Tensor:
        """One operation; of the same inputs it is computed once."""
        names = [tensor.name for tensor in inputs]
        key = (kind, *names, repr(attributes))
        if key not in self._known:
            name = self._name("t", len(self._nodes))
            self._nodes.append(helper.make_node(kind, names, [name], **attributes))
            self._known[key] = Tensor(self, name, np.dtype(dtype))
        return self._known[key]

    def model(self, outputs: Mapping[str, Tensor], rank: int = 2) -> onnx.ModelProto:
        """The graph with these outputs, each of shape (n, some width), or (n,) of rank 1."""
        named = [
            helper.make_node("Identity", [tensor.name], [name]) for name, tensor in outputs.items()
        ]
        infos = [
            helper.make_tensor_value_info(name, _onnx_type(x.dtype), ["n", *[None] * (rank - 1)])
            for name, x in outputs.items()
        ]
        graph = helper.make_graph(
            [*self._nodes, *named], self._begun.graph.name, self._inputs, infos, self._constants
        )
        model = helper.make_model(graph, opset_imports=self._begun.opset_import)
        model.ir_version = self._begun.ir_version
        onnx.checker.check_model(model, full_check=True)
        return model

    def _name(self, letter: str, number: int) -> str:
        name = next(name for i in count(number) if (name := f"{letter}{i}") not in self._taken)
        self._taken.add(name)
        return name


def _nothing() -> onnx.ModelProto:
    graph = helper.make_graph([], "features", [], [])
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def _names(graph: onnx.GraphProto) -> set[str]:
    computed = {name for node in graph.node for name in node.output}
    return computed | {given.name for given in (*graph.initializer, *graph.input)}


class Tensor(NDArrayOperatorsMixin):
    """A stand-in for an array whose values are not known yet."""

    def __init__(self, graph: Graph, name: str, dtype: np.dtype[Any]) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc not in _UFUNCS:
            return NotImplemented
        dtype = _common_dtype(inputs)
        operands = [self._operand(value, dtype) for value in inputs]
        result = np.dtype(bool) if ufunc in _COMPARISONS else dtype
        return self.graph.node(_UFUNCS[ufunc], operands, result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.ones_like:
            return self._ones()
        if function is not np.concatenate:
            return NotImplemented
        parts, axis = args[0], kwargs.get("axis", args[1] if len(args) > 1 else 0)
        dtype = _common_dtype(parts)
        operands = [self._operand(part, dtype) for part in parts]
        return self.graph.node("Concat", operands, dtype, axis=axis)

    def __getitem__(self, key: Any) -> Tensor:
        result, axis = self, 0
        for part in key if isinstance(key, tuple) else (key,):
            if part is None:
                axes = self.graph.constant([axis], np.int64)
                result = self.graph.node("Unsqueeze", [result, axes], self.dtype)
            elif not (isinstance(part, slice) and part == slice(None)):
                rows = self.graph.constant(np.asarray(part), np.int64)
                result = self.graph.node("Gather", [result, rows], self.dtype, axis=axis)
                axis -= np.ndim(part) == 0
            axis += 1
        return result

    def astype(self, dtype: Any) -> Tensor:
        """As an array's method."""
        if np.dtype(dtype) == self.dtype:
            return self
        return self.graph.node("Cast", [self], dtype, to=_onnx_type(dtype))

    def sum(self, axis: int, keepdims: bool = False) -> Tensor:
        """As an array's method, over one axis."""
        axes = self.graph.constant([axis], np.int64)
        return self.graph.node("ReduceSum", [self, axes], self.dtype, keepdims=int(keepdims))

    def max(self, axis: int, keepdims: bool = False) -> Tensor:
        """As an array's method, over one axis."""
        options = {"axes": [axis], "keepdims": int(keepdims)}
        return self.graph.node("ReduceMax", [self], self.dtype, **options)

    def reshape(self, *shape: int) -> Tensor:
        """As an array's method; -1 stands for the varying dimension."""
        target = self.graph.constant(shape, np.int64)
        return self.graph.node("Reshape", [self, target], self.dtype)

    def transpose(self, *axes: int) -> Tensor:
        """As an array's method."""
        return self.graph.node("Transpose", [self], self.dtype, perm=list(axes))

    def _ones(self) -> Tensor:
        shape = self.graph.node("Shape", [self], np.int64)
        one = numpy_helper.from_array(np.ones(1, self.dtype))
        return self.graph.node("ConstantOfShape", [shape], self.dtype, value=one)

    def _operand(self, value: Any, dtype: np.dtype[Any]) -> Tensor:
        tensor = value if isinstance(value, Tensor) else self.graph.constant(value, dtype)
        return tensor.astype(dtype)


def _common_dtype(values: Sequence[Any]) -> np.dtype[Any]:
    known = [value.dtype for value in values if hasattr(value, "dtype")]
    return np.result_type(*known)


def _onnx_type(dtype: Any) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _numpy_type(info: onnx.ValueInfoProto) -> np.dtype[Any]:
    return np.dtype(helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type))
