"""What a network should compute, found out on the host with the input that the device gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latkit.errors import LatkitError
from latkit.protocol import Output

VALUES = 64
SEVERE = 3
TOLERANCE = {"fp32": 1e-3, "fp16": 3e-2, "int8": 3e-1}
"""Largest difference, relative to the size of the outputs, that a precision explains."""


def reference_output(model: Path, seed: int) -> Output:
    """The output that a correct runtime gives for the input drawn with ``seed``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = SEVERE
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0]
        # The one generator whose stream never changes between numpy versions, host and device.
        image = np.random.RandomState(seed).standard_normal(entry.shape).astype(np.float32)
        return summarise(session.run(None, {entry.name: image})[0].ravel())
    except Exception as problem:  # onnxruntime's exceptions have no common base
        raise LatkitError(
            f"this computer's onnxruntime {onnxruntime.__version__} cannot run {model}: {problem}"
        ) from None


def summarise(values: NDArray[np.float32]) -> Output:
    """The summary that a runner sends: at most 64 evenly spaced values, mean and spread."""
    step = max(1, -(-len(values) // VALUES))
    chosen = tuple(float(value) for value in values[::step])
    return Output(len(values), chosen, float(values.mean()), float(values.std()))


def same_output(found: Output, expected: Output, precision: str) -> bool:
    """Whether two outputs agree as closely as the precision allows."""
    if found.count != expected.count or len(found.values) != len(expected.values):
        return False
    ours = np.array([*found.values, found.mean, found.std])
    theirs = np.array([*expected.values, expected.mean, expected.std])
    scale = max(1e-6, float(np.abs(theirs).max()))
    return bool(np.abs(ours - theirs).max() <= TOLERANCE[precision] * scale)
