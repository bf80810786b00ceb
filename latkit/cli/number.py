"""Numbers as options take them and sentences say them.

None that is taken is more than databases and generators hold.
"""

from __future__ import annotations

import click

SEED = click.IntRange(0, 2**63 - 1)
MOST = 1_000_000


def at_least(least: int) -> click.IntRange:
    """A count of something, or seconds."""
    return click.IntRange(least, MOST)
