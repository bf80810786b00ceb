"""What a file format is: a way from a network to a file that a runtime loads."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from latkit.condition import Precision
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
            first call, see ``imported``: most often the file is there already.
        precisions: that it can write.
    """

    suffix: str
    version: int
    build: Build
    precisions: tuple[Precision, ...] = ("fp32",)


def imported(module: str) -> Build:
    """The function ``build`` of a module that is imported when it is first called."""

    def build(network: Network, seed: int, batch: int, precision: Precision = "fp32") -> bytes:
        made_by: Build = import_module(module).build
        return made_by(network, seed=seed, batch=batch, precision=precision)

    return build
