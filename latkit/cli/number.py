"""Numbers as options take them and sentences say them.

None that is taken is more than databases and generators hold.
"""

from __future__ import annotations

import click

from latkit.cli.parameter import ParamType


class WholeNumber(ParamType[int]):
    """A whole number from ``least`` to ``most``; click's own says ``not a valid integer range``."""

    name = "number"

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            number = int(value)
        except ValueError:
            number = self._least - 1
        if not self._least <= number <= self._most:
            bounds = f"{self._least:,} to {self._most:,}"
            self.fail(f"{str(value)!r} is no whole number from {bounds}", param, ctx)
        return number


SEED = WholeNumber(0, 2**63 - 1)
PORT = WholeNumber(1, 65535)
MOST = 1_000_000


def at_least(least: int) -> WholeNumber:
    """A count of something, or seconds."""
    return WholeNumber(least, MOST)
