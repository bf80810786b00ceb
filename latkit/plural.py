"""Counts in words: one network, but two networks."""

from __future__ import annotations


def counted(count: int, one: str, several: str | None = None) -> str:
    """A count and what agrees with it: ``1 network``, ``1,250 networks``, ``1 is suspect``.

    Args:
        count: how many.
        one: what follows where it is one.
        several: what follows else; ``one`` and an s where it is not given.
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"
