"""Eight-bit integers for real numbers, as TFLite's specification and ONNX runtimes want them.

Activations are asymmetric, one scale a tensor; weights symmetric, one scale an output channel
(https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latkit.formats.weights import Array

LOW, HIGH = -128, 127
RANGE_OF_ZEROS = 1.0


@dataclass(frozen=True, slots=True)
class Scale:
    """``real = step * (integer - zero)``, along ``axis`` where there are several steps."""

    step: Array
    zero: int = 0
    axis: int = 0


def of_range(low: float, high: float) -> Scale:
    """The scale of values from low to high, zero among them exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = np.float32((high - low or RANGE_OF_ZEROS) / (HIGH - LOW))
    return Scale(np.array([step]), int(np.clip(round(LOW - low / float(step)), LOW, HIGH)))


def of_values(values: Array) -> Scale:
    """The scale of a constant that is no weight."""
    return of_range(float(values.min()), float(values.max()))


def of_weight(values: Array, axis: int | None) -> Scale:
    """The symmetric scale of a weight, one step for every index of an axis, or one in all."""
    others = tuple(each for each in range(values.ndim) if each != axis)
    largest = np.abs(values).max(axis=others if axis is not None else None)
    step = np.where(largest > 0, largest, RANGE_OF_ZEROS) / HIGH
    return Scale(np.atleast_1d(step).astype(np.float32), 0, axis or 0)


def of_bias(source: Scale, weight: Scale) -> Scale:
    """The scale of a bias, which is added to sums of products."""
    return Scale(source.step * weight.step)


def integers(values: Array, scale: Scale) -> NDArray[np.int8]:
    """Values in a scale."""
    found = np.round(values / _along(scale, values.ndim)) + scale.zero
    clipped: NDArray[np.int8] = np.clip(found, LOW, HIGH).astype(np.int8)
    return clipped


def bias_integers(values: Array, scale: Scale) -> NDArray[np.int32]:
    """A bias in its scale."""
    limits = np.iinfo(np.int32)
    found = np.round(values.astype(np.float64) / scale.step)
    return np.clip(found, limits.min, limits.max).astype(np.int32)


def _along(scale: Scale, dimensions: int) -> Array:
    shape = [1] * dimensions
    shape[scale.axis] = -1
    return scale.step.reshape(shape)
