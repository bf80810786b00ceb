"""Arch files: reading them, and saying what the networks in them are like."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from latkit import spaces as known
from latkit.errors import ArchError, UsageError
from latkit.spaces.base import Space
from latkit.subjects import Subject

MAX_FILE_BYTES = 256 * 1024 * 1024


def read_arch_file(name: str) -> list[Subject]:
    """Architectures in a file, or in standard input where ``name`` is ``-``.

    Raises UsageError where the file cannot be read, ArchError where its content is wrong.
    """
    if name == "-":
        return known.read_archs(sys.stdin.read(), "standard input")
    path = Path(name)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        hint = "'latkit space sample nb201 > arch.json' writes an example"
        raise UsageError(f"cannot read {name}: {problem.strerror}", hint) from None
    except UnicodeDecodeError:
        raise ArchError(f"{name} is not a text file") from None
    return known.read_archs(text, name)


def describe(arch: Subject) -> dict[str, Any]:
    """Cost of one network and whether any of its operations is dead."""
    space = known.get(arch.collection)
    network = space.network(arch)
    return {
        "space": arch.collection,
        "arch": arch.key,
        "flops": network.flops,
        "params": network.params,
        "layers": len(network.layers),
        "canonical": space.canonical(arch) == arch,
    }


def spaces() -> list[Space]:
    """All architecture spaces that are known."""
    return [known.get(name) for name in known.names()]


def sample(space: str, n: int, seed: int) -> list[Subject]:
    """The first n of a space's architectures that a seed draws."""
    return known.get(space).sample(np.random.default_rng(seed), n)
