"""Drift, read off a canary."""

from __future__ import annotations

import numpy as np
import pytest

from latkit.measure.drift import Drift, better_reference_ns, makeshift_ns


def at(moment: float, canary_ns: list[float], reference_ns: float = 100.0) -> float:
    moments = tuple(10.0 * number for number in range(len(canary_ns)))
    return Drift(moments, tuple(canary_ns), reference_ns).at(moment)


def test_a_device_is_as_slow_as_its_canary():
    assert at(33.0, [120.0] * 8) == pytest.approx(1.2, abs=0.001)
    assert at(33.0, [80.0] * 8) == pytest.approx(0.8, abs=0.001)


def test_between_canaries_it_is_interpolated():
    lasting = [100.0] * 5 + [120.0] * 5
    assert at(0.0, lasting) == at(60.0, lasting) == 1.0
    assert at(65.0, lasting) == pytest.approx(1.1, abs=0.002)
    assert at(70.0, lasting) == at(999.0, lasting) == pytest.approx(1.2, abs=0.001)


def test_what_chance_may_have_made_is_not_divided_out():
    assert {at(33.0, [100.0 * slow] * 8) for slow in (0.992, 1.0, 1.005, 1.0099)} == {1.0}
    believed = [at(33.0, [100.0 * slow] * 8) for slow in (1.01, 1.015, 1.02, 1.03, 1.05)]
    assert believed == pytest.approx([1.0, 1.0083, 1.015, 1.0267, 1.048], abs=1e-4)


def test_the_spread_is_the_standard_deviation_of_one_timing():
    rng = np.random.default_rng(0)
    moments = tuple(map(float, range(12)))
    found = [Drift(moments, tuple(rng.normal(100.0, 1.0, 12)), 90.0).spread for _ in range(500)]
    assert np.mean(found) == pytest.approx(0.01, rel=0.15)


def test_the_spread_heeds_no_timing_that_was_disturbed():
    assert Drift(tuple(map(float, range(9))), (100.0,) * 8 + (400.0,), 90.0).spread == 0.0


def test_what_comes_and_goes_is_no_drift():
    passing = [100.0] * 4 + [300.0, 180.0] + [100.0] * 4
    assert {at(moment, passing) for moment in range(0, 100, 5)} == {1.0}


def test_about_a_lasting_change_the_drift_is_unsure():
    lasting = (100.0,) * 10 + (110.0,) * 10
    drift = Drift(tuple(10.0 * number for number in range(20)), lasting, 100.0)
    changes = {moment: drift.change(moment) for moment in (45.0, 75.0, 95.0, 115.0, 165.0)}
    assert changes == pytest.approx({45.0: 0, 75.0: 0, 95.0: 0.1, 115.0: 0.1, 165.0: 0})
    passing = Drift(drift.moments, (100.0,) * 9 + (200.0, 150.0) + (100.0,) * 9, 100.0)
    assert {passing.change(moment) for moment in range(-5, 205, 5)} == {0.0}


def test_the_reference_is_the_middle_of_the_lower_envelope():
    assert makeshift_ns([11.0, 11.5, 12.0]) == 11.0
    assert makeshift_ns([10.0, 10.0, 99.0, 10.5, 10.5, 10.5, 10.5, 10.5]) == 10.25


@pytest.mark.parametrize("timings_ns", [[], [10.0], [10.0, 11.0]])
def test_too_few_canaries_are_no_reference(timings_ns: list[float]):
    assert makeshift_ns(timings_ns) is None
    assert better_reference_ns(None, timings_ns) is None
    assert better_reference_ns(99.0, timings_ns) is None


def test_the_reference_is_that_of_the_first_calm_campaign():
    assert better_reference_ns(None, [11.0, 11.5, 12.0]) == 11.0
    assert better_reference_ns(11.0, [16.0] * 9) is None


def test_a_reference_that_a_calm_campaign_contradicts_is_raised():
    assert better_reference_ns(11.0, [17.0] * 3) == 17.0
    assert better_reference_ns(1.0, [1e6] * 3) == 1e6


def test_a_reference_is_raised_where_two_campaigns_in_a_row_say_so():
    slower = [14.0] * 3
    assert better_reference_ns(11.0, slower, lambda: [13.5]) == 13.5
    assert better_reference_ns(11.0, slower, lambda: [10.0, 14.5]) == 14.0
    assert better_reference_ns(11.0, slower) is None
    assert better_reference_ns(11.0, slower, lambda: [13.5, 11.5]) is None
    assert better_reference_ns(11.0, [12.0] * 3, lambda: [13.5, 14.5]) is None


def test_a_canary_that_is_clearly_faster_knows_better():
    assert better_reference_ns(11.0, [10.9] * 3) is None
    assert better_reference_ns(11.0, [10.0] * 3) == 10.0
    assert better_reference_ns(10.0, [11.0] * 3) is None
