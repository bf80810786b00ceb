"""Opening an ONNX file in onnxruntime, after it was read and found to be one of latkit's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latkit.predictor.graph_file import INT64, GraphFile
from latkit.predictor.workload import Shape, shapes

INPUT = "operations"
CHUNK = 4096
"""Architectures asked at once: large enough to be fast, small enough for a board's memory."""
MAX_POSITIONS = 4096


def output_shapes(graph: GraphFile, positions: Any) -> dict[str, Shape]:
    """Shapes of what it answers for ``CHUNK`` architectures of so many positions.

    Raises ValueError where it asks for something else, or would take too much room or time.
    """
    if type(positions) is not int or not 0 < positions <= MAX_POSITIONS:
        raise ValueError("it does not say how many positions an architecture has")
    if graph.inputs != {INPUT: INT64}:
        raise ValueError(f"its input is not {INPUT}, of int64")
    return shapes(graph, {INPUT: (CHUNK, positions)})


def require_outputs(graph: GraphFile, kinds: Mapping[str, int]) -> None:
    """Raises ValueError where names or types of its outputs are others."""
    if graph.outputs.keys() != kinds.keys():
        raise ValueError("its outputs are others")
    if graph.outputs != kinds:
        raise ValueError("its outputs are of another type")


def open_session(content: bytes) -> Any:
    """An onnxruntime session on one thread; whatever that raises where it takes none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
