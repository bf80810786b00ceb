"""An adapted predictor as one ONNX file: the bundle's graph, then the posterior, traced.

Input ``operations`` int64 (n, positions); outputs ``mean_ms``, ``lower_ms``, ``upper_ms``
float64 (n,). What the file is for stands in its metadata, as JSON under the key ``latkit``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from latkit import __version__, spaces
from latkit.files import write_whole
from latkit.latencies import LEVEL
from latkit.predictor.adapt import Adapted
from latkit.predictor.runtime import FORMAT, METADATA_KEY, OUTPUTS, AdaptedFile
from latkit.predictor.trace import Graph

PROBES = 64


def write(adapted: Adapted, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the predictor to ``path`` in one step, once it has answered as a predictor does.

    Raises BundleError where it does not, LatkitError where it cannot be written; what was there
    stays then.
    """
    content = build(adapted, metadata).SerializeToString()
    space = spaces.get(adapted.bundle.space)
    rng = np.random.default_rng(0)
    networks = rng.integers(len(space.operations), size=(PROBES, space.positions))
    AdaptedFile.of(content, "what was made of the bundle").predict(networks)
    write_whole(path, content, private=True)


def build(adapted: Adapted, metadata: Mapping[str, Any]) -> onnx.ModelProto:
    """The predictor as an ONNX model."""
    graph = Graph(onnx.load_model_from_string(adapted.bundle.features_onnx))
    bounds: Any = adapted.bounds(adapted.bundle.named(graph.outputs))
    model = graph.model(dict(zip(OUTPUTS, bounds, strict=True)), rank=1)
    helper.set_model_props(model, {METADATA_KEY: json.dumps({**metadata, **_about(adapted)})})
    return model


def _about(adapted: Adapted) -> dict[str, Any]:
    space = spaces.get(adapted.bundle.space)
    return {
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
