"""Raw samples as compact bytes: little-endian int64, deflated.

Differences of successive samples were tried and take more room: timing noise is not smooth.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Sequence

from latkit.errors import StoreError

ITEM_BYTES = 8


def pack(samples_ns: Sequence[int]) -> bytes:
    """Samples in their order, compressed."""
    return zlib.compress(_little_endian(array("q", samples_ns)).tobytes(), 6)


def unpack(blob: bytes, count: int) -> tuple[int, ...]:
    """Inverse of ``pack``; raises StoreError where the bytes are damaged.

    Never inflates to more than the ``count`` samples that are expected.
    """
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(blob, count * ITEM_BYTES + 1)
    except (zlib.error, TypeError, ValueError, OverflowError) as problem:
        raise StoreError(f"the raw samples of a measurement are damaged ({problem})") from None
    if len(raw) != count * ITEM_BYTES or not inflater.eof:
        raise StoreError(f"the raw samples of a measurement are damaged ({count} were expected)")
    values = array("q")
    values.frombytes(raw)
    return tuple(_little_endian(values))


def _little_endian(values: array[int]) -> array[int]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
