"""What running a graph comes to, by the shapes of everything in it, without running it.

Broadcasting and concatenating make an ocean of a few numbers in a few steps. So the shape of every
tensor is worked out first, and a graph that would take too much room or time is refused: nothing
else about it needs to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from latkit.predictor.graph_file import (
    BOOL,
    DOUBLE,
    FLOAT,
    INT64,
    ITEM_BYTES,
    MAX_RANK,
    GraphFile,
    Node,
)

Shape = tuple[int, ...]
MAX_ELEMENTS = 1 << 26
"""At one time, in whatever is neither stored in the file nor given."""
MAX_WORK = 1 << 36
"""Multiplications and numbers written, all in all: some ten seconds of a slow processor."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor's shape, and its numbers where they are whole and known."""

    shape: Shape
    integers: tuple[int, ...] | None = None

    def known(self) -> tuple[int, ...]:
        """The numbers; raises ValueError where only running the graph would tell them."""
        if self.integers is None:
            raise ValueError("a shape in it depends on what goes in")
        return self.integers


def shapes(graph: GraphFile, given: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shapes of a graph's outputs for inputs of the shapes given.

    Raises ValueError where an operation is none of latkit's, shapes do not fit, it is too much, or
    would end the process.
    """
    values = {name: Value(shape) for name, shape in given.items()}
    values |= {name: Value(one.shape, one.integers) for name, one in graph.constants.items()}
    if len(values) < len(given) + len(graph.constants):
        raise ValueError("two of its tensors have the same name")
    work = room = 0
    for node, done_with in zip(graph.nodes, _done_with(graph, given), strict=True):
        work += _run(node, values)
        room += sum(prod(values[name].shape) for name in node.outputs)
        if work > MAX_WORK:
            raise ValueError("it would take too long")
        if room > MAX_ELEMENTS:
            raise ValueError("it would take too much memory")
        room -= sum(prod(values[name].shape) for name in done_with)
    _require_fractions(graph)
    return {name: _known(name, values).shape for name in graph.outputs}


def _require_fractions(graph: GraphFile) -> None:
    """Refuse to divide whole numbers: a processor ends the whole process over some of them."""
    kinds = {**graph.inputs, **{name: one.kind for name, one in graph.constants.items()}}
    for node in graph.nodes:
        kind = _kind(node, kinds)
        if node.operation == "Div" and kind not in (FLOAT, DOUBLE):
            raise ValueError("it divides whole numbers")
        kinds.update(dict.fromkeys(node.outputs, kind))


def _kind(node: Node, kinds: Mapping[str, int]) -> int:
    """Code of the type of what an operation gives."""
    match node.operation:
        case "Cast":
            return node.attributes["to"][0]
        case "ConstantOfShape":
            return node.attributes.get("value", (FLOAT,))[0]
        case "Equal" | "Greater" | "And" | "Or":
            return BOOL
        case "Shape":
            return INT64
        case "OneHot":
            return kinds[node.inputs[2]]
    return kinds[node.inputs[0]]


def _done_with(graph: GraphFile, given: Collection[str]) -> Iterator[set[str]]:
    """After each operation, what needs no room any more; a runtime keeps what never varies."""
    last = {name: number for number, node in enumerate(graph.nodes) for name in node.inputs}
    varying = set(given)
    for number, node in enumerate(graph.nodes):
        used = varying.intersection(node.inputs)
        yield {name for name in used if last[name] == number} - {*given, *graph.outputs}
        if used:
            varying.update(node.outputs)


def _run(node: Node, values: dict[str, Value]) -> int:
    """Add what an operation gives to the values; returns the work that it is."""
    rule = _RULES.get(node.operation)
    if rule is None:
        raise ValueError(f"it has an operation that none of latkit's has: {node.operation[:40]!r}")
    inputs = [_known(name, values) for name in node.inputs]
    (name,) = node.outputs
    if name in values:
        raise ValueError("two of its tensors have the same name")
    result = values[name] = rule(node, inputs)
    if len(result.shape) > MAX_RANK:
        raise ValueError(f"it has a tensor of more than {MAX_RANK} dimensions")
    inner = inputs[0].shape[-1:] if node.operation == "MatMul" else ()
    return prod(result.shape) * prod(inner) + sum(prod(one.shape) for one in inputs)


def _known(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise ValueError(f"{name[:40]!r} is used in it and comes from nowhere")
    return values[name]


def _same(_node: Node, inputs: Sequence[Value]) -> Value:
    (one,) = inputs
    return Value(one.shape)


def _cast(node: Node, inputs: Sequence[Value]) -> Value:
    if node.attributes["to"][0] not in ITEM_BYTES:
        raise ValueError("it makes something else of numbers")
    return _same(node, inputs)


def _broadcast(_node: Node, inputs: Sequence[Value]) -> Value:
    return Value(np.broadcast_shapes(*(one.shape for one in inputs)))


def _matmul(_node: Node, inputs: Sequence[Value]) -> Value:
    a, b = (one.shape for one in inputs)
    if not (a and b):
        raise ValueError("the shapes in it do not fit")
    left, right = a if len(a) > 1 else (1, *a), b if len(b) > 1 else (*b, 1)
    if left[-1] != right[-2]:
        raise ValueError("the shapes in it do not fit")
    rows, columns = left[-2:-1] if len(a) > 1 else (), right[-1:] if len(b) > 1 else ()
    return Value((*np.broadcast_shapes(left[:-2], right[:-2]), *rows, *columns))


def _gather(node: Node, inputs: Sequence[Value]) -> Value:
    data, rows = (one.shape for one in inputs)
    axis = _axis(node.attributes.get("axis", (0,))[0], len(data))
    return Value((*data[:axis], *rows, *data[axis + 1 :]))


def _concat(node: Node, inputs: Sequence[Value]) -> Value:
    axis = _axis(node.attributes["axis"][0], len(inputs[0].shape))
    others = {(*one.shape[:axis], *one.shape[axis + 1 :]) for one in inputs}
    if len(others) > 1 or len({len(one.shape) for one in inputs}) > 1:
        raise ValueError("the shapes in it do not fit")
    long = sum(one.shape[axis] for one in inputs)
    first = inputs[0].shape
    return Value((*first[:axis], long, *first[axis + 1 :]))


def _reduce(node: Node, inputs: Sequence[Value]) -> Value:
    shape = inputs[0].shape
    axes = inputs[1].known() if len(inputs) > 1 else node.attributes["axes"]
    gone = {_axis(axis, len(shape)) for axis in axes} or set(range(len(shape)))
    if node.attributes.get("keepdims", (1,))[0]:
        return Value(tuple(1 if axis in gone else size for axis, size in enumerate(shape)))
    return Value(tuple(size for axis, size in enumerate(shape) if axis not in gone))


def _unsqueeze(_node: Node, inputs: Sequence[Value]) -> Value:
    axes = inputs[1].known()
    rank = len(inputs[0].shape) + len(axes)
    new = {_axis(axis, rank) for axis in axes}
    sizes = iter(inputs[0].shape)
    return Value(tuple(1 if axis in new else next(sizes) for axis in range(rank)))


def _reshape(_node: Node, inputs: Sequence[Value]) -> Value:
    before, wanted = inputs[0].shape, inputs[1].known()
    sizes = [before[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    known = prod(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or min(sizes, default=1) < -1 or not known:
        raise ValueError("the shapes in it do not fit")
    shape = tuple(prod(before) // known if size == -1 else size for size in sizes)
    if prod(shape) != prod(before):
        raise ValueError("the shapes in it do not fit")
    return Value(shape)


def _transpose(node: Node, inputs: Sequence[Value]) -> Value:
    shape, order = inputs[0].shape, node.attributes["perm"]
    if sorted(order) != list(range(len(shape))):
        raise ValueError("the shapes in it do not fit")
    return Value(tuple(shape[axis] for axis in order))


def _shape(_node: Node, inputs: Sequence[Value]) -> Value:
    return Value((len(inputs[0].shape),), inputs[0].shape)


def _constant_of_shape(_node: Node, inputs: Sequence[Value]) -> Value:
    shape = inputs[0].known()
    if min(shape, default=0) < 0:
        raise ValueError("the shapes in it do not fit")
    return Value(shape)


def _one_hot(node: Node, inputs: Sequence[Value]) -> Value:
    rows, (depth, *_) = inputs[0].shape, inputs[1].known()
    axis = _axis(node.attributes.get("axis", (-1,))[0], len(rows) + 1)
    return Value((*rows[:axis], max(depth, 0), *rows[axis:]))


def _flatten(node: Node, inputs: Sequence[Value]) -> Value:
    shape = inputs[0].shape
    axis = node.attributes.get("axis", (1,))[0]
    return Value((prod(shape[:axis]), prod(shape[axis:])))


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError("the shapes in it do not fit")
    return axis % rank


_RULES: dict[str, Callable[[Node, Sequence[Value]], Value]] = {
    **dict.fromkeys(("Identity", "Exp", "Log", "Sqrt"), _same),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Max", "Min"), _broadcast),
    **dict.fromkeys(("Equal", "Greater", "And", "Or"), _broadcast),
    **dict.fromkeys(("ReduceSum", "ReduceMax"), _reduce),
    "Cast": _cast,
    "MatMul": _matmul,
    "Gather": _gather,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Shape": _shape,
    "ConstantOfShape": _constant_of_shape,
    "OneHot": _one_hot,
    "Flatten": _flatten,
}
