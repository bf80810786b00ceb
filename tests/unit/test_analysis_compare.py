"""Statistics of two sets of measurements."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latkit.analysis.compare import compare
from latkit.condition import Condition, Runtime
from latkit.errors import MeasurementsUnusable
from latkit.lab.compare import sentence
from latkit.measurement import Measurement, Verdict
from latkit.subjects import Subject

CONDITION = Condition("board", Runtime("onnxruntime", "1.20"))
positive = st.floats(1e-3, 1e4)
pairs = st.lists(st.tuples(positive, positive), min_size=3, max_size=25)


def made(values, noise=0.01, level="valid"):
    """A set of measurements with those latencies, ms."""
    verdict = Verdict(level)
    return {
        Subject("nb201", f"{n:03}"): Measurement(
            Subject("nb201", f"{n:03}"), CONDITION, verdict, float(value), noise=noise
        )
        for n, value in enumerate(values)
    }


def compared(a, b, seed=0):
    return compare(a, b, np.random.default_rng(seed))


def test_networks_that_changed_both_ways_differ_though_their_mean_does_not():
    a = made([1.0, 2.0, 3.0, 4.0])
    b = made([1.2, 1.6, 3.6, 3.3])
    found = compared(a, b)
    assert found.changed == (4, 4)
    assert (found.shifted, found.scattered, found.differs) == (False, True, True)
    said = sentence(found, "A", "B")
    assert "A and B differ network by network: 4 of 4 networks changed beyond noise" in said
    assert "do not differ" not in said


def test_one_of_many_may_change_by_chance():
    base = np.linspace(1, 3, 20)
    found = compared(made(base), made([1.1 * base[0], *base[1:]]))
    assert found.changed == (1, 20)
    assert not found.scattered


class TestProperties:
    @given(pairs)
    @example([(1.0, 2.0), (2.0, 667.0), (667.0, 2.0)])
    @settings(max_examples=30, deadline=None)
    def test_comparing_the_other_way_round_gives_the_reciprocal(self, values):
        a, b = (made(column) for column in zip(*values, strict=True))
        forth, back = compared(a, b), compared(b, a)
        assert back.ratio == pytest.approx(1 / forth.ratio)
        assert back.median_difference == pytest.approx(forth.median_difference)
        assert back.p_value == pytest.approx(forth.p_value)
        assert back.kendall == pytest.approx(forth.kendall, nan_ok=True)
        assert back.spearman == pytest.approx(forth.spearman, nan_ok=True)
        inverted = {r.subject: (1 / r.ratio, 1 / r.upper, 1 / r.lower) for r in forth.ratios}
        for row in back.ratios:
            assert (row.ratio, row.lower, row.upper) == pytest.approx(inverted[row.subject])

    def test_the_interval_is_the_reciprocal_too(self):
        rng = np.random.default_rng(1)
        base = np.linspace(1, 9, 30)  # in the same order in both: the same networks are drawn
        a, b = made(base), made(base * 1.05 * rng.normal(1, 0.001, 30))
        forth, back = compared(a, b), compared(b, a)
        assert (back.lower, back.upper) == pytest.approx((1 / forth.upper, 1 / forth.lower))

    @given(st.lists(positive, min_size=3, max_size=25))
    @settings(max_examples=30, deadline=None)
    def test_identical_sets_do_not_differ(self, values):
        found = compared(made(values), made(values))
        assert (found.ratio, found.lower, found.upper) == (1, 1, 1)
        assert (found.p_value, found.median_difference, found.differs) == (1, 0, False)
        assert not any(row.changed for row in found.ratios)
        if len(set(values)) > 1:
            assert (found.kendall, found.spearman) == pytest.approx((1, 1))

    @given(st.lists(positive, min_size=3, max_size=25), st.floats(0.01, 100))
    @settings(max_examples=30, deadline=None)
    def test_a_common_factor_is_found(self, values, factor):
        found = compared(made(values), made(value * factor for value in values))
        assert found.ratio == pytest.approx(factor)
        assert found.lower * (1 - 1e-9) <= factor <= found.upper * (1 + 1e-9)

    @given(pairs, st.integers(0, 9))
    @settings(max_examples=30, deadline=None)
    def test_bounds_hold_the_ratios(self, values, seed):
        found = compared(*(made(column) for column in zip(*values, strict=True)), seed=seed)
        assert found.lower <= found.ratio * (1 + 1e-9)
        assert found.ratio <= found.upper * (1 + 1e-9)
        assert all(row.lower < row.ratio < row.upper for row in found.ratios)
        assert 0 <= found.p_value <= 1


def simulated(rng, factor, count, spread=0.02):
    base = rng.lognormal(1, 0.5, count)
    a = base * np.exp(rng.normal(0, spread, count))
    b = base * factor * np.exp(rng.normal(0, spread, count))
    return made(a, spread), made(b, spread)


@pytest.mark.parametrize("count", [3, 5, 30])
def test_a_known_ratio_is_inside_the_interval_as_often_as_promised(count):
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(100):
        found = compared(*simulated(rng, 1.03, count), seed=seed)
        held += found.lower <= 1.03 <= found.upper
    assert 89 <= held <= 100


def test_two_processes_that_agree_by_chance_do_not_make_a_network_certain():
    """Noise from two processes is itself noisy; intervals must hold the truth all the same."""
    rng = np.random.default_rng(0)
    held = total = 0
    for seed in range(30):
        sets = []
        for _ in range(2):
            blocks = np.exp(rng.normal(0, 0.02, (30, 2)))
            own = made(blocks.mean(axis=1))
            errors = blocks.std(axis=1, ddof=1) / math.sqrt(2)
            for (arch, m), error in zip(list(own.items()), errors, strict=True):
                own[arch] = replace(m, noise=float(error))
            sets.append(own)
        for row in compared(*sets, seed=seed).ratios:
            held += row.lower <= 1 <= row.upper
            total += 1
    assert held / total > 0.93


def test_a_small_difference_among_noise_is_seen_and_its_direction_told():
    rng = np.random.default_rng(3)
    found = compared(*simulated(rng, 1.03, 30))
    assert found.differs
    assert found.ratio == pytest.approx(1.03, abs=0.012)
    assert found.p_value < 0.001


def test_suspect_noise_does_not_blur_the_valid():
    values = np.linspace(1, 9, 20)
    a = made(values)
    noisy = Subject("nb201", "000")
    a[noisy] = Measurement(noisy, CONDITION, Verdict("suspect", ("x",)), 1.0, noise=0.5)
    rows = {row.subject: row for row in compared(a, made(values)).ratios}
    assert rows[noisy].upper > 2
    assert rows[Subject("nb201", "001")].upper < 1.05


def test_published_labels_have_no_interval_of_their_own():
    found = compared(made([1, 2, 3], noise=None), made([2, 4, 6]))
    assert all(row.lower is None and row.upper is None for row in found.ratios)
    assert not any(row.changed for row in found.ratios)
    assert found.ratio == pytest.approx(2)


def test_only_common_networks_count():
    found = compared(made([1, 2, 3, 4, 5]), made([2, 4, 6, 8]))
    assert [row.subject.key for row in found.ratios] == ["000", "001", "002", "003"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_in_common(count):
    with pytest.raises(MeasurementsUnusable, match=rf"{count} networks? in common") as caught:
        compared(made([1.0] * count), made([1.0, 2.0, 3.0]))
    assert "--archs" in caught.value.hint


def test_constant_latencies_have_no_order():
    found = compared(made([1, 1, 1]), made([1, 2, 3]))
    assert math.isnan(found.kendall)
    assert math.isnan(found.spearman)
