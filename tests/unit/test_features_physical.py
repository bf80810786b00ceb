import numpy as np
import pytest

from latkit import spaces
from latkit.features.costs import NAMES, TOTALS, cost_vector
from latkit.features.physical import distinct_columns, physical
from tests.unit import toy_space

RAW = len(TOTALS)


@pytest.fixture(scope="module", params=["nb201", "fbnet", "wired", "alive"])
def tables(request):
    return physical(spaces.get(request.param), np.random.default_rng(0))


def measured(space, rows):
    return np.stack([cost_vector(space.network(space.from_indices(row))) for row in rows])


def drawn(space, n=30, seed=1):
    return space.matrix(space.sample(np.random.default_rng(seed), n))


def test_costs_are_those_of_the_layers_up_to_a_constant(tables):
    rows = drawn(tables.space)
    expected = measured(tables.space, rows)[:, [NAMES.index(name) for name in TOTALS]]
    found = tables.totals(rows)[:, :RAW]
    np.testing.assert_allclose(found - found[0], expected - expected[0], rtol=1e-5, atol=64)


def test_costs_are_never_negative(tables):
    found = tables.totals(drawn(tables.space, 200))
    assert found.shape[1] == len(tables.names)
    assert found.min() >= 0


@pytest.mark.parametrize("variant", ["fed", "live"])
def test_costs_of_a_variant_are_those_of_its_cell(variant):
    space = spaces.get("nb201")
    tables = physical(space, np.random.default_rng(0))
    rows = drawn(space)
    start = tables.names.index(f"{variant}_{TOTALS[0]}")
    pruned = tables.totals(getattr(space, variant)(rows))
    found = tables.totals(rows)[:, start : start + RAW]
    np.testing.assert_array_equal(found, pruned[:, :RAW])


def test_depth_is_the_longest_path():
    space = spaces.get("nb201")
    tables = physical(space, np.random.default_rng(0))
    column = tables.names.index("live_depth_flops")

    def depth(*cell):
        return tables.totals(np.array([cell]))[0, column]

    one = depth(0, 0, 0, 3, 0, 0)
    assert one > 0
    assert depth(3, 0, 3, 0, 0, 3) == pytest.approx(3 * one)
    assert depth(3, 3, 0, 3, 3, 3) == pytest.approx(2 * one)
    assert depth(3, 0, 3, 0, 0, 0) == 0


def test_depth_follows_the_edges_of_each_architecture():
    space = toy_space.Wired()
    tables = physical(space, np.random.default_rng(0))
    column = tables.names.index("live_depth_flops")

    def convs(text):
        found = tables.totals(space.indices(space.parse(text))[None])[0, column]
        return (
            found / tables.totals(space.indices(space.parse("conv,none,none:0,0"))[None])[0, column]
        )

    assert convs("conv,conv,conv:0,0") == 1
    assert convs("conv,conv,conv:1,0") == convs("conv,conv,conv:0,1") == 2
    assert convs("conv,conv,conv:1,2") == convs("conv,conv,conv:2,2") == 3
    assert convs("none,conv,conv:1,2") == convs("none,conv,pool:1,0") == 0
    assert convs("none,conv,conv:2,2") == 2


def test_distinct_columns_vary_and_are_no_copies():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 50))
    values = np.stack([np.ones(50), first, 3 * first + 1, second], axis=1)
    assert distinct_columns(values, ("constant", "a", "a again", "b")) == [1, 3]
