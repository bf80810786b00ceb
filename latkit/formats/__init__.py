"""From a network to a file that a runtime loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from latkit.errors import UnknownNameError, UsageError
from latkit.measurement import PRECISIONS, Precision
from latkit.network import Network


class Build(Protocol):
    """Network, seed of the weights, batch and precision to the content of a file."""

    def __call__(
        self, network: Network, seed: int, batch: int, precision: Precision = "fp32"
    ) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Builder:
    """A file format.

    Args:
        suffix: of the file's name, with its dot.
        version: to be raised whenever the same network is written differently than before.
        build: makes the content of a file. The package that the format needs is imported at the
            first call.
        precisions: that it can write.
    """

    suffix: str
    version: int
    build: Build
    precisions: tuple[Precision, ...] = ("fp32",)


def builders() -> Mapping[str, Builder]:
    """All file formats by name."""
    return _BUILDERS


def builder(name: str) -> Builder:
    """The builder of that format; raises UnknownNameError with the nearest known one."""
    if name not in _BUILDERS:
        raise UnknownNameError("model format", name, _BUILDERS)
    return _BUILDERS[name]


def require_precision(name: str, precision: Precision) -> None:
    """Raises UsageError for a precision that the files of a format cannot have."""
    known = builder(name).precisions
    if precision not in known:
        raise UsageError(
            f"there are no {precision} models in the format {name}",
            f"precision may be {' or '.join(known)} there",
        )


def _onnx(network: Network, seed: int, batch: int, precision: Precision = "fp32") -> bytes:
    from latkit.formats import onnx

    return onnx.build(network, seed=seed, batch=batch, precision=precision)


def _tflite(network: Network, seed: int, batch: int, precision: Precision = "fp32") -> bytes:
    from latkit.formats import tflite

    return tflite.build(network, seed=seed, batch=batch, precision=precision)


def _torch(network: Network, seed: int, batch: int, precision: Precision = "fp32") -> bytes:
    from latkit.formats import torch_file

    return torch_file.build(network, seed=seed, batch=batch, precision=precision)


_BUILDERS = {
    "onnx": Builder(".onnx", 1, _onnx, PRECISIONS),
    "tflite": Builder(".tflite", 1, _tflite, PRECISIONS),
    "torch": Builder(".safetensors", 1, _torch, ("fp32", "fp16")),
}
