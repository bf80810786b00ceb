import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit import spaces
from latkit.errors import UsageError
from latkit.features.additive import groups_of, tabulate
from tests.unit import toy_space


@pytest.mark.parametrize(("name", "columns"), [("nb201", 5 + 25 + 125), ("fbnet", 22 * 9)])
def test_positions_that_flow_into_one_node_are_a_group(name, columns):
    assert groups_of(spaces.get(name)).columns == columns


def test_what_decides_edges_is_grouped_with_what_they_lead_to():
    """The sum before the second node, and what flows into the third."""
    strides = groups_of(toy_space.Wired()).strides
    assert [np.flatnonzero(column).tolist() for column in strides.T] == [[0, 1, 2, 4], [0, 1, 3]]


def test_a_group_that_no_table_can_hold_is_refused():
    class Dense(toy_space.Wired):
        positions = 9

        def adjacency(self, indices):
            odd = (indices.sum(axis=1) % 2 > 0)[:, None, None]
            return odd & np.triu(np.ones((5, 5), dtype=bool), 1)

    with pytest.raises(UsageError, match="depends on 9 positions"):
        groups_of(Dense())


@given(st.lists(st.integers(0, 4), min_size=6, max_size=6), st.integers(0, 5), st.integers(0, 4))
def test_joint_onehot_tells_all_cells_apart(cell, position, operation):
    groups = groups_of(spaces.get("nb201"))
    other = list(cell)
    other[position] = operation
    one, two = groups.onehot(np.array([cell, other]))
    assert one.sum() == 3
    assert (one == two).all() == (cell == other)


@pytest.mark.parametrize("name", ["nb201", "fbnet", "wired"])
def test_table_gives_back_an_additive_quantity(name):
    space = spaces.get(name)
    groups = groups_of(space)
    values = np.random.default_rng(0).normal(size=(groups.columns, 2))

    def measure(row):
        return groups.onehot(row[None])[0].astype(float) @ values

    table = tabulate(space, measure, np.random.default_rng(1))
    rows = np.random.default_rng(2).integers(len(space.operations), size=(50, space.positions))
    expected = np.stack([measure(row) for row in rows])
    np.testing.assert_allclose(groups.onehot(rows).astype(float) @ table, expected, atol=1e-9)


def test_what_does_not_add_up_is_refused():
    space = spaces.get("fbnet")
    with pytest.raises(UsageError, match="fbnet do not add up") as caught:
        tabulate(space, lambda row: np.array([float(row.sum() ** 2)]), np.random.default_rng(0))
    assert "not pretrained on" in str(caught.value.hint)
