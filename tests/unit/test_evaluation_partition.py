import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latkit.errors import MeasurementsUnusable, UsageError
from latkit.evaluation.partition import partition, rank_correlations

networkx = pytest.importorskip("networkx", reason="the extra 'evaluate' is not installed")


def two_families(rng, n=60, each=4):
    """Latencies of two families of devices: alike within, unlike across."""
    families = [np.exp(rng.normal(size=(n, 1))) for _ in range(2)]
    columns = [f * np.exp(0.05 * rng.normal(size=(n, each))) for f in families]
    return np.hstack(columns)


def split(correlations, sources, targets, seed=0):
    names = [f"d{i}" for i in range(len(correlations))]
    rng = np.random.default_rng(seed)
    return partition("t", "nb201", names, correlations, sources=sources, targets=targets, rng=rng)


def test_families_end_on_different_sides():
    correlations = rank_correlations(two_families(np.random.default_rng(1)))
    task = split(correlations, 3, 3)
    family = {name: int(name[1:]) // 4 for name in (*task.sources, *task.targets)}
    assert len({family[name] for name in task.sources}) == 1
    assert len({family[name] for name in task.targets}) == 1
    assert family[task.sources[0]] != family[task.targets[0]]


def test_same_seed_same_task():
    correlations = rank_correlations(two_families(np.random.default_rng(2)))
    assert split(correlations, 2, 3, seed=5) == split(correlations, 2, 3, seed=5)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_sizes_are_kept_and_no_device_is_on_both_sides(data):
    devices = data.draw(st.integers(2, 9))
    sources = data.draw(st.integers(1, devices - 1))
    targets = data.draw(st.integers(1, devices - sources))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    task = split(rank_correlations(rng.lognormal(size=(30, devices))), sources, targets)
    assert (len(task.sources), len(task.targets)) == (sources, targets)
    assert not set(task.sources) & set(task.targets)


def test_too_few_devices_is_said():
    with pytest.raises(UsageError, match="2 devices cannot be split into 2 sources and 1 targets"):
        split(np.eye(2), 2, 1)


def test_devices_without_common_architectures_are_said():
    latency = np.full((40, 2), np.nan)
    latency[:20, 0] = latency[20:, 1] = 1.0
    with pytest.raises(MeasurementsUnusable, match="share 0 architectures"):
        rank_correlations(latency)
