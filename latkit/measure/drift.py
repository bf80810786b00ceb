"""How fast the whole device was at every moment, read off its canary network."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latkit.errors import StoreError

MIN_CANARIES = 3


def drift_at(
    moments: Sequence[float],
    canary_moments: Sequence[float],
    canary_ns: Sequence[float],
    reference_ns: float,
) -> list[float]:
    """Slowness of the device at ``moments``, relative to its usual self (1 = as usual).

    The canary's medians, freed from single outliers by a running median of three, are
    interpolated linearly between its timings and divided by the reference.

    Args:
        moments: seconds.
        canary_moments: when the canary was timed, seconds; at least one.
        canary_ns: its median latency then.
        reference_ns: its latency on the device in its usual state.
    """
    order = np.argsort(canary_moments)
    values = np.asarray(canary_ns, dtype=np.float64)[order]
    padded = np.concatenate([values[:1], values, values[-1:]])
    smooth = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    found = np.interp(moments, np.asarray(canary_moments)[order], smooth / reference_ns)
    return [float(value) for value in found]


class CanaryReference:
    """The canary's latency on the device in its usual state, kept in a file.

    It is the canary's median latency in the first calm campaign under a setting and stays the
    same from then on: only so are latencies comparable that were measured on different days.
    While the device was never calm, every campaign is its own reference.
    """

    def __init__(self, path: Path, model_sha256: str) -> None:
        self._path = path
        self._model = model_sha256
        self._reference_ns = self._read()

    def get(self, calm_ns: Sequence[float], all_ns: Sequence[float]) -> float | None:
        """The reference, ns; None while the canary was timed too seldom for there to be one.

        Args:
            calm_ns: the canary's medians while nothing disturbed it.
            all_ns: all its medians.
        """
        if self._reference_ns is None and len(calm_ns) >= MIN_CANARIES:
            self._reference_ns = float(np.median(calm_ns))
            self._write(self._reference_ns)
        elif self._reference_ns is None and len(all_ns) >= MIN_CANARIES:
            self._reference_ns = float(np.median(all_ns))
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
