"""A tiny bundle that is known exactly: features that are linear in the operations."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from latkit import spaces
from latkit.features.features import Features
from latkit.predictor.bundle import FORMAT, Bundle
from latkit.predictor.hypotheses import draw_prior

SPACE = spaces.get("nb201")
CELLS = SPACE.enumerate_indices()
HIDDEN = 7
"""Seed of the tables."""
COSTS = ("flops", "launches", "bytes", "params")
SOURCE_MS = np.array([2.0, 5.0, 9.0])


def onehot(operations):
    width = len(SPACE.operations)
    return (operations[:, :, None] == np.arange(width)).reshape(len(operations), -1).astype(float)


def tables():
    rng = np.random.default_rng(HIDDEN)
    width = SPACE.positions * len(SPACE.operations)
    return {
        "costs": rng.uniform(0, 1, (width, 4)),
        "sources": rng.uniform(0.2, 1, (width, 3)),
        "block_onehot": np.eye(width),
    }


def graph():
    width = len(SPACE.operations)
    nodes = [
        helper.make_node("OneHot", ["operations", "depth", "values"], ["hot"], axis=-1),
        helper.make_node("Flatten", ["hot"], ["flat"], axis=1),
    ]
    constants = [
        numpy_helper.from_array(np.array([width], dtype=np.int64), "depth"),
        numpy_helper.from_array(np.array([0, 1], dtype=np.float32), "values"),
    ]
    outputs = []
    for name, table in tables().items():
        constants.append(numpy_helper.from_array(table.astype(np.float32), f"table_{name}"))
        nodes.append(helper.make_node("MatMul", ["flat", f"table_{name}"], [name]))
        outputs.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", table.shape[1]])
        )
    given = helper.make_tensor_value_info("operations", TensorProto.INT64, ["n", SPACE.positions])
    body = helper.make_graph(nodes, "toy", [given], outputs, constants)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def toy_bundle(hypotheses=200):
    hot = onehot(CELLS)
    found = {name: hot @ table for name, table in tables().items()}
    features = Features(found["costs"], found["sources"], {"onehot": found["block_onehot"]})
    prior = draw_prior(features, COSTS, SOURCE_MS, np.random.default_rng(0), hypotheses)
    manifest = {
        "format": FORMAT,
        "space": SPACE.name,
        "positions": SPACE.positions,
        # No real FLOPs: a bundle of nb201 that has some must have those of its networks.
        "costs": [f"toy_{name}" for name in COSTS],
        "blocks": ["onehot"],
        "created": "2026-11-23",
    }
    return Bundle(manifest, graph().SerializeToString(), prior)


def latencies(operations, rng, noise=0.01):
    """Latencies in ms of a device that is a mix of two costs and a source, and noisy."""
    hot = onehot(operations)
    parts = tables()
    costs, sources = hot @ parts["costs"], hot @ parts["sources"]
    clean = 0.5 + 2 * costs[:, 0] + costs[:, 2] + 0.5 * sources[:, 1]
    return clean * np.exp(noise * rng.standard_normal(len(clean)))
