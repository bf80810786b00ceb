"""An adapted predictor as one ONNX file: the bundle's features, then the posterior's products.

Input ``operations`` int64 (n, positions); outputs ``mean_ms``, ``lower_ms``, ``upper_ms``
float64 (n,). What the file is for stands in its metadata, as JSON under the key ``latkit``.
The sums mirror ``latkit.predictor.posterior`` line by line; a test holds the two together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from latkit import __version__, spaces
from latkit.errors import LatkitError
from latkit.predictor.posterior import LOWEST_VARIANCE, Centre, Spread
from latkit.predictor.prior import FLOOR, Prior

if TYPE_CHECKING:
    from latkit.predictor.adapt import Adapted

FORMAT = 1
METADATA_KEY = "latkit"
OUTPUTS = ("mean_ms", "lower_ms", "upper_ms")


def write(adapted: Adapted, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the predictor to ``path`` in one step; raises LatkitError where that fails."""
    content = build(adapted, metadata).SerializeToString()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise LatkitError(f"cannot write {path}: {problem.strerror}") from None


def build(adapted: Adapted, metadata: Mapping[str, Any]) -> onnx.ModelProto:
    """The predictor as an ONNX model."""
    from latkit.predictor.adapt import LEVEL, Z_LEVEL

    model = onnx.load_model_from_string(adapted.bundle.features_onnx)
    graph = _Graph(model.graph)
    design = _Design(graph, adapted.bundle.prior)
    centre = _sum(graph, [_centre(graph, design, *item) for item in adapted.model.centres.items()])
    mean_ms = graph.add("Mul", centre, graph.constant(adapted.model.median_ms))
    deviation = _deviation(graph, design, adapted.model.spreads)
    half = graph.add("Mul", deviation, graph.constant(Z_LEVEL * adapted.scale))
    factor = graph.add("Exp", half)
    bounds = (mean_ms, graph.add("Div", mean_ms, factor), graph.add("Mul", mean_ms, factor))
    graph.outputs(dict(zip(OUTPUTS, bounds, strict=True)))
    space = spaces.get(adapted.bundle.space)
    about = {
        **metadata,
        "format": FORMAT,
        "space": space.name,
        "positions": space.positions,
        "operations": list(space.operations),
        "level": LEVEL,
        "samples": adapted.samples,
        "notes": list(adapted.notes),
        "source_share": adapted.source_share,
        "bundle": adapted.bundle.manifest["created"],
        "latkit": __version__,
    }
    helper.set_model_props(model, {METADATA_KEY: json.dumps(about)})
    return model


class _Graph:
    """Grows an ONNX graph by one node at a time; values are names."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._names = 0

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = self._name(kind.lower())
        self._graph.node.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.float64) -> str:
        name = self._name("constant")
        array = np.ascontiguousarray(np.asarray(value, dtype=dtype))
        self._graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def total(self, x: str, axis: int) -> str:
        """Sum over one axis, which goes."""
        return self.add("ReduceSum", x, self.constant([axis], np.int64), keepdims=0)

    def outputs(self, values: Mapping[str, str]) -> None:
        """Make these the outputs of the graph, in place of those it has."""
        del self._graph.output[:]
        for name, value in values.items():
            self._graph.node.append(helper.make_node("Identity", [value], [name]))
            info = helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n"])
            self._graph.output.append(info)

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"latkit_{kind}_{self._names}"


class _Design:
    """``Prior.design`` as nodes."""

    def __init__(self, graph: _Graph, prior: Prior) -> None:
        def double(name: str) -> str:
            return graph.add("Cast", name, to=TensorProto.DOUBLE)

        def scaled(x: str, centre: Any, scale: Any) -> str:
            centred = graph.add("Sub", x, graph.constant(centre))
            return graph.add("Div", centred, graph.constant(scale))

        costs = graph.add("Div", double("costs"), graph.constant(prior.cost_mean))
        sources = graph.add("Div", double("sources"), graph.constant(prior.source_mean))
        first = graph.add("Slice", costs, *(graph.constant([i], np.int64) for i in (0, 1, 1)))
        ones = graph.add("Add", graph.add("Sub", first, first), graph.constant(1.0))
        self.shares = graph.add("Concat", ones, costs, sources, axis=1)
        width = np.sqrt(len(prior.cost_mean))
        common = [
            scaled(costs, 1.0, prior.cost_std * width),
            *(
                scaled(double(f"block_{name}"), prior.block_centre[name], prior.block_scale[name])
                for name in prior.block_names
            ),
        ]
        self.blocks: dict[bool, list[str]] = {}
        for scale, values in ((True, graph.add("Log", sources)), (False, sources)):
            standard = scaled(values, prior.source_centre[scale], prior.source_scale[scale])
            shrunk = graph.add("Div", standard, graph.constant(np.sqrt(len(prior.source_mean))))
            white = graph.add("MatMul", standard, graph.constant(prior.whitening[scale]))
            self.blocks[scale] = [shrunk, white, *common]


def _sum(graph: _Graph, terms: Sequence[str]) -> str:
    total, *others = terms
    for term in others:
        total = graph.add("Add", total, term)
    return total


def _centre(graph: _Graph, design: _Design, scale: bool, part: Centre) -> str:
    mean = graph.add("MatMul", design.shares, graph.constant(part.shares))
    mean = graph.add("Max", mean, graph.constant(FLOOR))
    residual = _sum(
        graph,
        [
            graph.add("MatMul", block, graph.constant(weights))
            for block, weights in zip(design.blocks[scale], part.coefficients, strict=True)
        ],
    )
    residual = graph.add("Add", residual, graph.constant(part.offset))
    weights = graph.constant(part.weights)
    if scale:
        logs = graph.add("MatMul", graph.add("Log", mean), weights)
        value = graph.add("Exp", graph.add("Add", residual, logs))
    else:
        value = graph.add("Add", residual, graph.add("MatMul", mean, weights))
        value = graph.add("Max", value, graph.constant(FLOOR))
    return graph.add("Mul", value, graph.constant(part.weight))


def _deviation(graph: _Graph, design: _Design, spreads: Mapping[bool, Spread]) -> str:
    total = sum(float(part.weights.sum()) for part in spreads.values())
    firsts, seconds = [], []
    for scale, part in spreads.items():
        mean, variance = _moments(graph, design, scale, part)
        weights = graph.constant(part.weights / total)
        firsts.append(graph.add("MatMul", mean, weights))
        square = graph.add("Add", variance, graph.add("Mul", mean, mean))
        seconds.append(graph.add("MatMul", square, weights))
    first, second = _sum(graph, firsts), _sum(graph, seconds)
    variance = graph.add("Sub", second, graph.add("Mul", first, first))
    return graph.add("Sqrt", graph.add("Max", variance, graph.constant(LOWEST_VARIANCE)))


def _moments(graph: _Graph, design: _Design, scale: bool, part: Spread) -> tuple[str, str]:
    blocks = design.blocks[scale]
    gram = graph.add(
        "Concat",
        *(
            graph.add("MatMul", x, graph.constant(y.T))
            for x, y in zip(blocks, part.landmarks, strict=True)
        ),
        axis=1,
    )
    own = [
        graph.add(
            "Unsqueeze", graph.total(graph.add("Mul", x, x), 1), graph.constant([1], np.int64)
        )
        for x in blocks
    ]
    prior = graph.add("Concat", *own, axis=1)
    prior = graph.add("MatMul", prior, graph.constant(part.variances.T))
    white = graph.add("MatMul", gram, graph.constant(part.whiteners))
    shape = graph.constant([0, len(part.weights), -1], np.int64)

    def grouped(x: str) -> str:
        return graph.total(graph.add("Reshape", x, shape), 2)

    along = grouped(graph.add("Mul", white, graph.constant(part.ones)))
    explained = grouped(graph.add("Mul", white, white))
    left = graph.add("Sub", graph.constant(1.0), along)
    offset = graph.add("Div", graph.add("Mul", left, left), graph.constant(part.precision))
    variance = graph.add("Add", graph.add("Sub", prior, explained), offset)
    variance = graph.add("Max", variance, graph.constant(0.0))
    mean = graph.add("MatMul", design.shares, graph.constant(part.shares))
    mean = graph.add("Max", mean, graph.constant(FLOOR))
    residual = graph.add("MatMul", gram, graph.constant(part.coefficients))
    residual = graph.add("Add", residual, graph.constant(part.offset))
    if scale:
        centre = graph.add("Add", residual, graph.add("Log", mean))
    else:
        value = graph.add("Max", graph.add("Add", residual, mean), graph.constant(FLOOR))
        variance = graph.add("Div", variance, graph.add("Mul", value, value))
        centre = graph.add("Log", value)
    return centre, graph.add("Add", variance, graph.constant(part.noise))
