"""Letting a sampler, known by its name, choose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from latkit.errors import UsageError
from latkit.sampling.base import Choice, Rows
from latkit.sampling.samplers import SAMPLERS, looks_at_bundle
from latkit.spaces.base import Indices, Space
from latkit.subjects import Subject

if TYPE_CHECKING:
    from latkit.predictor.bundle import Bundle

POOL = 4000
"""A space with more architectures than this is represented by so many of them, at random."""


def choose(name: str, choice: Choice, n: int, rng: np.random.Generator) -> Rows:
    """Let a sampler choose ``n`` rows.

    Raises UsageError where fewer are open, or where the sampler looks at a bundle and the choice
    has none. A sampler that does not look is shown none.
    """
    available = len(choice.open)
    if not 0 <= n <= available:
        raise UsageError(f"{n} of {available} architectures of {choice.space.name} cannot be drawn")
    return SAMPLERS.get(name)(_shown(name, choice), n, rng)


def _shown(name: str, choice: Choice) -> Choice:
    if not looks_at_bundle(name):
        return replace(choice, bundle=None)
    if choice.bundle is None:
        raise UsageError(
            f"the sampler {name!r} looks at a bundle of {choice.space.name}, and is given none",
            "give it one that has not seen what is to be predicted, or choose another sampler",
        )
    return choice


def sample(
    name: str,
    space: Space,
    n: int,
    rng: np.random.Generator,
    measured: Iterable[Subject] = (),
    bundle: Bundle | None = None,
    include_degenerate: bool = False,
) -> list[Subject]:
    """Choose ``n`` architectures of a space that are not ``measured`` yet.

    Small spaces are chosen from as a whole, large ones from a random pool. A sampler that looks
    at a bundle looks at the one given, see ``choose``. Networks that compute nothing, see
    ``Space.degenerate``, are left out unless they are asked for.
    """
    known = list(dict.fromkeys(measured))
    pool = _pool(space, max(POOL, 2 * n), rng)
    if not include_degenerate:
        pool = pool[~space.degenerate(pool)]
    seen = {row.tobytes() for row in pool}
    extra = [row for row in space.matrix(known) if row.tobytes() not in seen]
    candidates = np.concatenate([pool, np.array(extra).reshape(-1, space.positions)])
    rows = {row.tobytes(): number for number, row in enumerate(candidates)}
    taken = np.array([rows[row.tobytes()] for row in space.matrix(known)], dtype=np.int64)
    chosen = choose(name, Choice(space, candidates, taken, bundle), n, rng)
    return [space.from_indices(candidates[row]) for row in chosen]


def _pool(space: Space, size: int, rng: np.random.Generator) -> Indices:
    return space.matrix(space.sample(rng, min(space.size, size)))
