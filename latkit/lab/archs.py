"""Arch files: reading them, and saying what the networks in them are like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from latkit import spaces as known
from latkit.errors import ArchError, UsageError
from latkit.reading import MIB, read_bytes, read_stdin
from latkit.spaces.base import Space
from latkit.subjects import Subject

MAX_FILE_BYTES = 32 * MIB


def read_arch_file(name: str) -> list[Subject]:
    """Architectures in a file, or in standard input where ``name`` is ``-``.

    Raises UsageError where the file cannot be read, ArchError where its content is wrong.
    """
    origin = "standard input" if name == "-" else name
    try:
        content = (
            read_stdin(MAX_FILE_BYTES) if name == "-" else read_bytes(Path(name), MAX_FILE_BYTES)
        )
        text = content.decode("utf-8-sig")
    except OSError as problem:
        hint = "'latkit space sample nb201 > arch.json' writes an example"
        raise UsageError(f"cannot read {origin}: {problem.strerror}", hint) from None
    except UnicodeDecodeError:
        raise ArchError(f"{origin} is not a text file") from None
    return known.read_archs(text, origin)


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
