"""An ONNX file of latkit's own making, read before a runtime is let near it.

Taken is what ``latkit.predictor.trace`` writes and no more: one flat graph of ONNX's own
operations on numbers that stand in the file. Other files, functions, operations of other domains,
graphs within graphs, texts and sparse tensors are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from latkit.predictor import wire
from latkit.predictor.wire import Message

MAX_BYTES = 64 * 1024 * 1024
MAX_NODES = 5000
MAX_NODE_PARTS = 512
"""Inputs, outputs and attributes of an operation."""
MAX_RANK = 8
OPSETS = range(13, 22)
ITEM_BYTES = {1: 4, 6: 4, 7: 8, 9: 1, 11: 8}
"""Bytes of a number by ONNX's code of its type: float, int32, int64, bool, double."""
FLOAT, INT64, BOOL, DOUBLE = 1, 7, 9, 11
_MAX_INTEGERS = 1024
_MODEL_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 14}
_GRAPH_FIELDS = {1, 2, 5, 10, 11, 12}
_NODE_FIELDS = {1, 2, 3, 4, 5, 6, 7}
_ATTRIBUTE_FIELDS = {1, 3, 5, 8, 13, 20}
_TENSOR_FIELDS = {1, 2, 8, 9, 12}


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor that stands in the file; ``integers`` are the values of a short one of int64.

    ``kind`` is the code of its type.
    """

    kind: int
    shape: tuple[int, ...]
    integers: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Node:
    """One operation; an attribute is a number or several, of a tensor the code of its type."""

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class GraphFile:
    """A graph: type codes of what goes in and comes out by name, and what is said of it all."""

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    constants: Mapping[str, Constant]
    nodes: tuple[Node, ...]
    metadata: Mapping[str, str]


def read(content: bytes) -> GraphFile:
    """The graph of a model; raises ValueError saying what cannot be in one of latkit's."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
    model = _only(wire.message(memoryview(content)), _MODEL_FIELDS, "model")
    _require_opset(model)
    graph = _only(wire.message(wire.part(model, 7)), _GRAPH_FIELDS, "graph")
    if len(graph.get(1, [])) > MAX_NODES:
        raise ValueError(f"it has more than {MAX_NODES:,} operations")
    return GraphFile(
        dict(map(_port, wire.submessages(graph, 11))),
        dict(map(_port, wire.submessages(graph, 12))),
        dict(map(_constant, wire.submessages(graph, 5))),
        tuple(map(_node, wire.submessages(graph, 1, MAX_NODE_PARTS))),
        {wire.text(one, 1): wire.text(one, 2) for one in wire.submessages(model, 14)},
    )


def _only(found: Message, fields: set[int], what: str) -> Message:
    if others := found.keys() - fields:
        raise ValueError(f"its {what} has parts that none of latkit's has ({min(others)})")
    return found


def _require_opset(model: Message) -> None:
    found = [(wire.text(one, 1), wire.number(one, 2)) for one in wire.submessages(model, 8)]
    if len(found) != 1 or found[0][0] not in ("", "ai.onnx") or found[0][1] not in OPSETS:
        raise ValueError("its operations are of another version of ONNX, or of another maker")


def _port(info: Message) -> tuple[str, int]:
    tensor = wire.message(wire.part(wire.message(wire.part(info, 2)), 1))
    return wire.text(info, 1), wire.number(tensor, 1)


def _node(found: Message) -> Node:
    _only(found, _NODE_FIELDS, "operation")
    operation = wire.text(found, 4)
    if wire.text(found, 7) not in ("", "ai.onnx"):
        raise ValueError(f"the operation {operation[:40]!r} is of another maker")
    inputs, outputs = (tuple(str(name, "utf-8") for name in wire.parts(found, f)) for f in (1, 2))
    attributes = dict(map(_attribute, wire.submessages(found, 5)))
    return Node(operation, inputs, outputs, attributes)


def _attribute(found: Message) -> tuple[str, tuple[int, ...]]:
    _only(found, _ATTRIBUTE_FIELDS, "operation")
    if 5 in found:
        _, value = _constant(wire.message(wire.part(found, 5)))
        if prod(value.shape) != 1:
            raise ValueError("an operation has a tensor of its own")
        return wire.text(found, 1), (value.kind,)
    return wire.text(found, 1), wire.numbers(found, 3) + wire.numbers(found, 8)


def _constant(found: Message) -> tuple[str, Constant]:
    _only(found, _TENSOR_FIELDS, "tensor")
    shape, kind, raw = wire.numbers(found, 1), wire.number(found, 2), wire.part(found, 9)
    if kind not in ITEM_BYTES or min(shape, default=0) < 0 or len(shape) > MAX_RANK:
        raise ValueError("a tensor is of no numbers")
    if prod(shape) * ITEM_BYTES[kind] != len(raw):
        raise ValueError("a tensor has other numbers than its shape says")
    short = kind == INT64 and prod(shape) <= _MAX_INTEGERS
    return wire.text(found, 8), Constant(kind, shape, _integers(raw) if short else None)


def _integers(raw: memoryview) -> tuple[int, ...]:
    starts = range(0, len(raw), 8)
    return tuple(int.from_bytes(raw[i : i + 8], "little", signed=True) for i in starts)
