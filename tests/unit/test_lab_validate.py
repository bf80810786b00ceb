"""The figures of a validation."""

from dataclasses import replace

import numpy as np
import pytest

from latkit.lab.validate import Validation
from latkit.latencies import Latencies
from latkit.metrics import score
from tests.conformance.store import measurement

KEYS = (
    "device",
    "space",
    "networks",
    "spearman",
    "kendall",
    "median_error",
    "within_10_percent",
    "coverage",
    "interval_width",
    "level",
)


def figures(predicted, measured=(1.0, 2.0, 4.0, 8.0)):
    mean = np.array(predicted)
    found = Latencies(mean, 0.8 * mean, 1.2 * mean)
    timed = tuple(replace(measurement(), latency_ms=latency_ms) for latency_ms in measured)
    return Validation(timed, found, score(found, np.array(measured)), 0.9).row()


def test_json_has_the_keys_that_it_always_had_and_the_condition():
    found = figures([1.0, 2.0, 4.0, 8.0])
    assert set(KEYS) < set(found)
    assert found["condition"] == "onnxruntime 1.20, fp32, 1 thread, batch 1"


def test_rows_of_json_carry_the_condition():
    mean = np.array([1.0, 2.0, 3.0])
    timed = tuple(replace(measurement(), latency_ms=value) for value in (1.0, 2.0, 3.0))
    found = Latencies(mean, 0.8 * mean, 1.2 * mean)
    rows = Validation(timed, found, score(found, mean), 0.9).rows()
    own = measurement()
    assert all(own.condition.row().items() <= row.items() for row in rows)
    assert {(row["space"], row["arch"]) for row in rows} == {
        (own.subject.collection, own.subject.key)
    }


def test_figures_are_those_of_every_evaluation():
    found = figures([1.05, 1.5, 8.0, 9.0])
    assert (found["networks"], found["level"]) == (4, 0.9)
    assert found["spearman"] == pytest.approx(1)
    assert found["kendall"] == pytest.approx(1)
    assert found["median_error"] == pytest.approx((0.125 + 0.25) / 2)
    assert found["within_10_percent"] == 0.25
    assert found["coverage"] == 0.5
    assert found["interval_width"] == pytest.approx(0.4)


def test_constant_predictions_order_nothing():
    found = figures([3.0, 3.0, 3.0, 3.0])
    assert (found["spearman"], found["kendall"]) == (0, 0)
