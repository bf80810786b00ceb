"""From a network to a file that a runtime loads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from latkit.errors import UnknownNameError
from latkit.network import Network


@dataclass(frozen=True, slots=True)
class Builder:
    """A file format.

    Args:
        suffix: of the file's name, with its dot.
        version: to be raised whenever the same network is written differently than before.
        build: network, seed of the weights and batch to the content of the file. The package
            that the format needs is imported at the first call.
    """

    suffix: str
    version: int
    build: Callable[[Network, int, int], bytes]


def builders() -> Mapping[str, Builder]:
    """All file formats by name."""
    return _BUILDERS


def builder(name: str) -> Builder:
    """The builder of that format; raises UnknownNameError with the nearest known one."""
    if name not in _BUILDERS:
        raise UnknownNameError("model format", name, _BUILDERS)
    return _BUILDERS[name]


def _onnx(network: Network, seed: int, batch: int) -> bytes:
    from latkit.build import onnx

    return onnx.build(network, seed=seed, batch=batch)


def _tflite(network: Network, seed: int, batch: int) -> bytes:
    from latkit.build import tflite

    return tflite.build(network, seed=seed, batch=batch)


_BUILDERS = {"onnx": Builder(".onnx", 1, _onnx), "tflite": Builder(".tflite", 1, _tflite)}
