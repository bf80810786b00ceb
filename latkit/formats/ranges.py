"""Between which values the tensors of a network lie, observed on seeded images."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

IMAGES = 8
SEED = 1
"""Of the images; those that a device's output is checked with are drawn from another one."""
SEVERE = 3
SAME_AS_INPUT = frozenset({"AveragePool", "Flatten", "Reshape", "Transpose"})
"""Operators whose output int8 kernels want in the scale of their input."""

Ranges = dict[str, tuple[float, float]]


def observed(model: ModelProto) -> Ranges:
    """Smallest and largest value of every tensor that a float32 model of batch 1 computes."""
    source = model.graph.input[0]
    shape = [dim.dim_value for dim in source.type.tensor_type.shape.dim]
    images = np.random.RandomState(SEED).standard_normal((IMAGES, *shape)).astype(np.float32)
    ranges = _run(model, source.name, images)
    for node in model.graph.node:
        if node.op_type in SAME_AS_INPUT or _follows_pooling(model, node):
            ranges[node.output[0]] = ranges.get(node.input[0], (0.0, 0.0))
    return ranges


def _run(model: ModelProto, source: str, images: np.typing.NDArray[np.float32]) -> Ranges:
    import onnxruntime

    names = [node.output[0] for node in model.graph.node]
    shown = ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = SEVERE
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    ranges = {source: (float(images.min()), float(images.max()))}
    for image in images:
        for name, values in zip(names, session.run(names, {source: image}), strict=True):
            low, high = ranges.get(name, (0.0, 0.0))
            ranges[name] = min(low, float(values.min())), max(high, float(values.max()))
    return ranges


def _follows_pooling(model: ModelProto, node: NodeProto) -> bool:
    """Whether TFLite does this ReLU within an average pooling, in the scale of its input."""
    pooled = {each.output[0] for each in model.graph.node if each.op_type == "AveragePool"}
    return node.op_type == "Relu" and node.input[0] in pooled
