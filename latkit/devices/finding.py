"""What a check-up says of a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``hint`` says what to do unless it is ok."""

    name: str
    level: Level
    detail: str
    hint: str | None = None
