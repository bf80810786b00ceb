"""Documents of plain values, as JSON has them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    """A document in which NaN and infinity, which JSON lacks, are null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def as_text(value: Any, indent: int) -> str:
    """The document as JSON, in ASCII, which every terminal and every reader takes."""
    return json.dumps(finite(value), indent=indent).replace("\x7f", "\\u007f")
