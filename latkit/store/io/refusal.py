"""What becomes of a row that is wrong: it is raised, or told to whoever goes on without it."""

from __future__ import annotations

from collections.abc import Callable

from latkit.errors import LatkitError

Refuse = Callable[[LatkitError], None]


def raising(problem: LatkitError) -> None:
    """End at the first row that is wrong."""
    raise problem
