"""From a network to a file that a runtime loads, in formats known by name."""

from __future__ import annotations

from latkit.condition import Precision
from latkit.errors import UsageError
from latkit.formats.builder import Build, Builder, imported
from latkit.registry import Registry

FORMATS: Registry[Builder] = Registry(
    "format",
    {
        "onnx": "latkit.formats.own:ONNX",
        "tflite": "latkit.formats.own:TFLITE",
        "ncnn": "latkit.formats.own:NCNN",
        "torch": "latkit.formats.own:TORCH",
    },
)


def require_precision(name: str, precision: Precision) -> None:
    """Raises UsageError for a precision that the files of a format cannot have."""
    known = FORMATS.get(name).precisions
    if precision not in known:
        raise UsageError(
            f"there are no {precision} models in the format {name}",
            f"precision may be {' or '.join(known)} there",
        )


__all__ = ["FORMATS", "Build", "Builder", "imported", "require_precision"]
