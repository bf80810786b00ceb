"""Pairs of neighbouring operations, counted by hand."""

import numpy as np
import pytest

from latkit import spaces
from latkit.features.neighbours import neighbours, varying


def count(space, text, first, second):
    """How often one feeds the other, and how often both feed the same node."""
    labels = len(space.node_labels)
    a, b = space.node_labels.index(first), space.node_labels.index(second)
    row = neighbours(space, space.indices(space.parse(text))[None])[0].reshape(2, labels, labels)
    return row[0, a, b], row[1, a, b]


def test_a_cell():
    nb201 = spaces.get("nb201")
    cell = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
    assert count(nb201, cell, "nor_conv_3x3", "avg_pool_3x3") == (1, 0)
    assert count(nb201, cell, "avg_pool_3x3", "nor_conv_1x1") == (1, 0)
    assert count(nb201, cell, "none", "avg_pool_3x3") == (0, 1)
    assert count(nb201, cell, "skip_connect", "nor_conv_1x1") == (0, 1)
    assert count(nb201, cell, "avg_pool_3x3", "nor_conv_3x3") == (0, 0)


def test_a_chain():
    fbnet = spaces.get("fbnet")
    chain = "_".join(["0", "8"] * 11)
    small, skip = fbnet.operations[0], fbnet.operations[8]
    assert count(fbnet, chain, small, skip) == (11, 0)
    assert count(fbnet, chain, skip, small) == (10, 0)


@pytest.mark.parametrize("name", ["nb201", "fbnet"])
def test_columns_that_vary_tell_all_apart_that_all_columns_do(name):
    space = spaces.get(name)
    cells = space.matrix(space.sample(np.random.default_rng(0), 300))
    every, kept = neighbours(space, cells), varying(space, cells)
    assert len(np.unique(every, axis=0)) == len(np.unique(every[:, kept], axis=0))
    assert (np.ptp(every[:, kept], axis=0) > 0).all()
