"""Order of measuring."""

from __future__ import annotations

import numpy as np
import pytest

from latkit import spaces
from latkit.measure.plan import BATCH, batches, canary, shuffled


@pytest.mark.parametrize("name", ["nb201", "fbnet"])
def test_the_canary_is_always_the_same_and_of_middling_size(name: str):
    space = spaces.get(name)
    chosen = canary(space)
    assert chosen == canary(space)
    others = [space.network(a).flops for a in space.sample(np.random.default_rng(9), 60)]
    assert np.quantile(others, 0.1) < space.network(chosen).flops < np.quantile(others, 0.9)


def test_the_canary_is_of_the_spaces_own_skeleton():
    small = spaces.get("nb201:c4-n1-r16")
    assert canary(small) == small.parse(canary(spaces.get("nb201")).key)


def test_batches_are_all_in_order():
    archs = spaces.get("nb201").sample(np.random.default_rng(0), 2 * BATCH + 1)
    portions = list(batches(archs))
    assert [len(portion) for portion in portions] == [BATCH, BATCH, 1]
    assert [arch for portion in portions for arch in portion] == archs
    assert list(batches([])) == []


def test_order_is_random_and_repeatable():
    archs = spaces.get("nb201").sample(np.random.default_rng(0), 30)
    rng = np.random.default_rng(1)
    one, two = shuffled(archs, rng), shuffled(archs, rng)
    assert one != two
    assert set(one) == set(two) == set(archs)
    assert shuffled(archs, np.random.default_rng(1)) == one
