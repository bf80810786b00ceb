"""How fast the whole device was at every moment, read off its canary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def drift_at(
    moments: Sequence[float], canary_moments: Sequence[float], canary_ns: Sequence[float]
) -> list[float]:
    """Slowness of the device at ``moments``, relative to its usual self (1 = as usual).

    The canary's medians, freed from single outliers by a running median of three, are
    interpolated linearly between its timings and divided by their median.

    Args:
        moments: seconds.
        canary_moments: when the canary was timed, seconds.
        canary_ns: its median latency then.
    """
    if len(canary_ns) < 2:
        return [1.0] * len(moments)
    order = np.argsort(canary_moments)
    values = np.asarray(canary_ns, dtype=np.float64)[order]
    padded = np.concatenate([values[:1], values, values[-1:]])
    smooth = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    found = np.interp(moments, np.asarray(canary_moments)[order], smooth / np.median(smooth))
    return [float(value) for value in found]
