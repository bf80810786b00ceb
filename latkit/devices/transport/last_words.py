"""What a program or a shell said at its end, fit to be shown in a message."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]")
LIMIT = 300


def last_words(said: str) -> str:
    """The last of it on one line, without what would govern a terminal."""
    lines = (_UNPRINTABLE.sub("", line).strip() for line in said.splitlines())
    return "; ".join(line for line in lines if line)[-LIMIT:]
