import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latkit.features.positions import counts, onehot, pairs

CELLS = arrays(np.int64, st.tuples(st.integers(1, 5), st.just(6)), elements=st.integers(0, 4))


@given(CELLS)
def test_onehot_holds_one_operation_a_position(cells):
    encoded = onehot(cells, 5, 6).reshape(-1, 6, 5)
    assert (encoded.sum(axis=2) == 1).all()
    assert (encoded.argmax(axis=2) == cells).all()


@given(CELLS)
def test_counts_count(cells):
    expected = [np.bincount(cell, minlength=5) for cell in cells]
    assert (counts(cells, 5, 6) == expected).all()


@given(CELLS)
def test_inner_product_of_pairs_counts_pairs_in_common(cells):
    encoded = pairs(cells, 5, 6)
    equal = (cells[0] == cells[-1]).sum()
    assert encoded.shape == (len(cells), 15 * 25)
    assert encoded[0] @ encoded[-1] == equal * (equal - 1) // 2
