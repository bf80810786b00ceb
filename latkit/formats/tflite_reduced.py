"""TFLite files of lower precision, input and output left in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from latkit.formats import int8
from latkit.formats.int8 import Scale
from latkit.formats.ranges import Ranges
from latkit.formats.tflite_file import File, schema  # type: ignore[attr-defined]
from latkit.formats.weights import Array
from latkit.network import Shape

DEQUANTIZE_HALF_VERSION = 3
INT8 = schema.TensorType.INT8
# The first version of each operator whose int8 kernels follow the present specification.
INT8_VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEQUANTIZE": 2,
    "FULLY_CONNECTED": 4,
    "MEAN": 2,
    "MUL": 2,
    "PAD": 2,
    "RELU": 2,
    "TRANSPOSE": 2,
}


class HalfFile(File):
    """Weights in float16, which runtimes without such arithmetic expand when they load them."""

    def constant(self, name: str, values: Array) -> str:
        """Add a tensor of fixed real values, and the operator that expands it."""
        half = self.stored(f"{name}.half", values.astype(np.float16))
        self.empty(name, values.shape)
        return self.operator("DEQUANTIZE", [half], name, DEQUANTIZE_HALF_VERSION)


class Int8File(File):
    """All arithmetic in integers, between a QUANTIZE and a DEQUANTIZE."""

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self.ranges = ranges
        self.scales: dict[str, Scale] = {}

    def source(self, name: str, shape: Shape) -> str:
        """Add the float32 tensor that the caller fills; ``name`` is then the quantised one."""
        given = self.empty(f"{name}.given", shape)
        self.computed(name, shape)
        return self.operator("QUANTIZE", [given], name)

    def computed(self, name: str, shape: Shape) -> str:
        """Add a tensor that an operator fills, in the scale of what was observed."""
        return self._scaled(self.empty(name, shape, INT8), int8.of_range(*self.ranges[name]))

    def alike(self, name: str, shape: Shape, other: str) -> str:
        """Add one in the scale of another."""
        return self._scaled(self.empty(name, shape, INT8), self.scales[other])

    def constant(self, name: str, values: Array) -> str:
        """Add a tensor of fixed real values in a scale of its own."""
        return self._integers(name, values, int8.of_values(values))

    def weight(self, name: str, values: Array, axis: int | None) -> str:
        """Add a weight, one scale a channel along the axis."""
        return self._integers(name, values, int8.of_weight(values, axis))

    def bias(self, name: str, values: Array, source: str, weight: str) -> str:
        """Add a bias in the scale of the products."""
        scale = int8.of_bias(self.scales[source], self.scales[weight])
        return self._scaled(self.stored(name, int8.bias_integers(values, scale)), scale)

    def operator(
        self, kind: str, inputs: list[str], output: str, version: int = 1, **settings: Any
    ) -> str:
        """Add an operator, in a version that knows int8."""
        known = max(version, INT8_VERSIONS.get(kind, 1))
        return super().operator(kind, inputs, output, known, **settings)

    def content(self, source: str, sink: str) -> bytes:
        """The file, with float32 tensors of those names at its ends."""
        last = self.tensors[self.numbers[sink]]
        self.operator("DEQUANTIZE", [sink], self.empty(f"{sink}.given", tuple(last.shape)))
        for name in (source, sink):
            quantised, given = self.tensors[self.numbers[name]], f"{name}.given"
            quantised.name, self.tensors[self.numbers[given]].name = f"{name}.quantised", name
        return super().content(f"{source}.given", f"{sink}.given")

    def _integers(self, name: str, values: Array, scale: Scale) -> str:
        return self._scaled(self.stored(name, int8.integers(values, scale)), scale)

    def _scaled(self, name: str, scale: Scale) -> str:
        self.scales[name] = scale
        told = schema.QuantizationParametersT()
        told.scale = scale.step.tolist()
        told.zeroPoint = [scale.zero] * len(told.scale)
        told.quantizedDimension = scale.axis
        self.tensors[self.numbers[name]].quantization = told
        return name
