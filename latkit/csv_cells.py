"""CSV cells that a spreadsheet would run as formulas, made harmless, and back."""

from __future__ import annotations

import re
from typing import Any

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")


def defused(cell: Any) -> Any:
    """A cell to be written: text that begins as a formula does gets an apostrophe in front."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """Inverse of ``defused``."""
    return cell[1:] if _DEFUSED.match(cell) else cell
