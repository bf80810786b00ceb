"""Raw samples as compact bytes: differences of little-endian int64, deflated."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from latkit.errors import StoreError

MAX_SAMPLES = 10_000_000


def pack(samples_ns: Sequence[int]) -> bytes:
    """Samples in their order, compressed."""
    values = np.asarray(samples_ns, dtype="<i8")
    return zlib.compress(np.diff(values, prepend=0).astype("<i8").tobytes(), 6)


def unpack(blob: bytes) -> tuple[int, ...]:
    """Inverse of ``pack``; raises StoreError where the bytes are damaged."""
    try:
        engine = zlib.decompressobj()
        raw = engine.decompress(blob, 8 * MAX_SAMPLES)
        if engine.unconsumed_tail or not engine.eof or len(raw) % 8:
            raise zlib.error("incomplete")
    except zlib.error as problem:
        raise StoreError(f"the raw samples of a measurement are damaged ({problem})") from None
    return tuple(np.cumsum(np.frombuffer(raw, dtype="<i8")).tolist())
