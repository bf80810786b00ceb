"""A tiny transfer task: devices of nb201 whose latencies are mixes of physical costs."""

from functools import cache

import numpy as np

from latkit import spaces
from latkit.evaluation.method import Sources
from latkit.features.physical import physical

SPACE = spaces.get("nb201")
ROWS = SPACE.enumerate_indices()[np.random.default_rng(5).choice(15625, 300, replace=False)]
SHARES = {
    "twin": {"flops": 0.55, "launches": 0.25},
    "slow": {"launches": 0.3, "bytes": 0.4},
    "odd": {"params": 0.8},
    "target": {"flops": 0.5, "launches": 0.3},
}
"""Of every device's time on an average network; the rest is constant."""


@cache
def _costs():
    tables = physical(SPACE, np.random.default_rng(0))
    totals = tables.totals(ROWS).astype(float)
    return dict(zip(tables.names, (totals / totals.mean(axis=0)).T, strict=True))


def latencies(device, noise=0.01, seed=0):
    """Latencies of ``ROWS`` on a device in ms, shape (n,)."""
    shares = SHARES[device]
    clean = 1 - sum(shares.values()) + sum(w * _costs()[name] for name, w in shares.items())
    rng = np.random.default_rng([seed, len(device)])
    return 7 * clean * np.exp(noise * rng.standard_normal(len(ROWS)))


def toy_sources():
    """The sources of the task."""
    devices = ("twin", "slow", "odd")
    columns = [latencies(device) for device in devices]
    return Sources(SPACE, ROWS, np.stack(columns, axis=1), devices)
