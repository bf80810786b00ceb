"""Raw samples come back as they were, and damaged ones are noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.errors import StoreError
from latkit.store.samples import pack, unpack


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_round_trip(samples_ns):
    assert unpack(pack(samples_ns), len(samples_ns)) == tuple(samples_ns)


def test_takes_less_room_than_text():
    samples_ns = [5_000_000 + (n * 7919) % 100_000 for n in range(1000)]
    assert len(pack(samples_ns)) < 4 * len(samples_ns)


@given(st.binary(max_size=60), st.integers(0, 5))
def test_rubbish_is_refused(blob, count):
    with pytest.raises(StoreError, match="damaged"):
        unpack(blob, count)


@pytest.mark.parametrize("count", [0, 99, 101, -1, 2**62])
def test_another_count_is_refused(count):
    with pytest.raises(StoreError, match="damaged"):
        unpack(pack(range(100)), count)


def test_never_inflates_beyond_what_is_expected():
    bomb = pack([0] * 1_000_000)
    assert len(bomb) < 10_000
    with pytest.raises(StoreError, match="damaged"):
        unpack(bomb, 3)
