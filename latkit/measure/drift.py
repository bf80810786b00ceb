"""How fast the whole device was at every moment, read off its canary network."""

from __future__ import annotations

import json
import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from latkit.errors import StoreError

MIN_CANARIES = 3
MAX_HASTE = 0.02
"""By so much a canary may be faster than the reference by chance."""
REACH = 2
"""So many canaries on either side tell together how fast the device was."""


def envelope(canary_ns: Sequence[float]) -> list[float]:
    """The smallest of every timing and its neighbours."""
    return [min(canary_ns[max(0, i - REACH) : i + REACH + 1]) for i in range(len(canary_ns))]


@dataclass(frozen=True)
class Drift:
    """The canary's timings in the order of time.

    Args:
        moments: when, seconds; at least one.
        canary_ns: its calm median then.
        reference_ns: the same on the device in its usual state.
    """

    moments: tuple[float, ...]
    canary_ns: tuple[float, ...]
    reference_ns: float

    @cached_property
    def lowest_ns(self) -> list[float]:
        """The lower envelope of the timings."""
        return envelope(self.canary_ns)

    def at(self, moment: float) -> float:
        """Slowness of the whole device, relative to its usual self (1 = as usual).

        The lower envelope of the canary's timings, interpolated linearly. What lasts, such as a
        lower clock, shows in all of them; other work on the machine comes and goes, and is to be
        found in the samples themselves.
        """
        return float(np.interp(moment, self.moments, self.lowest_ns)) / self.reference_ns

    def change(self, moment: float) -> float:
        """By how much the envelope rises or falls about a moment, relative: how unsure it is."""
        after = bisect(self.moments, moment)
        about = self.lowest_ns[max(0, after - 1 - REACH) : after + 1 + REACH]
        return max(about) / min(about) - 1


class CanaryReference:
    """The canary's latency on the device in its usual state, kept in a file.

    It is what the canary takes in a calm campaign under a setting, and stays the same from then on:
    only so are latencies comparable that were measured on different days. A later campaign that
    finds the canary faster knows better, for nothing but interference ever made it slower. While
    the device was never calm, every campaign is its own reference.
    """

    def __init__(self, path: Path, model_sha256: str) -> None:
        self._path = path
        self._model = model_sha256
        self._reference_ns = self._read()

    def get(self, calm_ns: Sequence[float], all_ns: Sequence[float]) -> float | None:
        """The reference, ns; None while the canary was timed too seldom for there to be one.

        Args:
            calm_ns: the canary's timings while nothing disturbed it.
            all_ns: all its timings.
        """
        if len(calm_ns) >= MIN_CANARIES:
            found = float(np.median(envelope(calm_ns)))
            if self._reference_ns is None or found < (1 - MAX_HASTE) * self._reference_ns:
                self._reference_ns = found
                self._write(found)
        elif self._reference_ns is None and len(all_ns) >= MIN_CANARIES:
            return float(np.median(envelope(all_ns)))
        return self._reference_ns

    def _read(self) -> float | None:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            found = float(kept["reference_ns"]) if kept["model"] == self._model else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return found if found and 0 < found < math.inf else None

    def _write(self, reference_ns: float) -> None:
        content = json.dumps({"model": self._model, "reference_ns": reference_ns})
        temporary = self._path.with_suffix(".part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(content, encoding="utf-8")
            temporary.replace(self._path)
        except OSError as problem:
            raise StoreError(f"cannot write {self._path}: {problem.strerror}") from None
