"""Architecture spaces: what can be sampled, built, measured and predicted."""

from __future__ import annotations

from functools import cache

from latkit.registry import Registry
from latkit.spaces import arch_file
from latkit.spaces.base import Graph, Indices, Space
from latkit.spaces.skeleton import read_skeleton_id
from latkit.subjects import Subject

SPACES: Registry[Space] = Registry(
    "space", {"nb201": "latkit.spaces.nb201:NB201", "fbnet": "latkit.spaces.fbnet:FBNet"}
)


def names() -> list[str]:
    """Names of all known spaces, each with its usual skeleton."""
    return SPACES.names()


def get(name: str) -> Space:
    """The space of that name, perhaps with a skeleton, as ``nb201:c8-n1``.

    Raises UnknownNameError with the nearest known name, UsageError for a skeleton that is none.
    """
    family, colon, skeleton = name.partition(":")
    return _with_skeleton(SPACES.get(family), skeleton) if colon else SPACES.get(family)


@cache
def _with_skeleton(space: Space, skeleton: str) -> Space:
    return space.with_skeleton(**read_skeleton_id(space.family, space.letters, skeleton))


def read_archs(text: str, origin: str) -> list[Subject]:
    """Architectures of an arch file; raises ArchError saying where in ``origin`` the trouble is."""
    return arch_file.read_archs(text, origin, get)


__all__ = ["SPACES", "Graph", "Indices", "Space", "get", "names", "read_archs"]
