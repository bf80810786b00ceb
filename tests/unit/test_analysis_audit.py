"""What is found wrong with stored measurements."""

from dataclasses import replace

import pytest

from latkit.analysis.audit import audit, mixtures, relabel
from latkit.measurement import Block, Verdict
from tests.conformance.store import CONDITION, changed, measurement
from tests.unit.measured import steady


def timed(arch="a", latency_ms=5.0, at=0, drift=1.0, seed=0, **changes):
    """A measurement whose two processes say what its label says."""
    samples = [steady(latency_ms * drift, seed=seed + n) for n in range(2)]
    made = replace(
        measurement(arch, latency_ms, at),
        blocks=tuple(Block(2 * one[0], one, sum(one), 0) for one in samples),
        context={"blocks": [{"drift": drift}] * 2},
        lower_ms=None,
        upper_ms=None,
    )
    return replace(made, latency_ms=relabel(made), **changes)


def kinds(found):
    return [(finding.gravity, finding.kind) for finding in found]


def test_nothing_is_found_against_clean_measurements():
    assert audit([timed(arch, 1.0 + n, seed=n) for n, arch in enumerate("abcd")]) == []
    assert audit([]) == []


def test_reasons_of_the_newest_measurement_are_passed_on():
    doubts = Verdict("suspect", ("trend: +7% within one process", "steal: 3%"))
    found = audit([timed(verdict=doubts), timed("b", verdict=Verdict("invalid", ("crash: 11",)))])
    assert kinds(found) == [("suspect", "trend"), ("suspect", "steal"), ("invalid", "crash")]
    assert found[0].subject.key == "a"


def test_a_verdict_that_was_settled_by_measuring_again_is_not_found():
    doubts = Verdict("suspect", ("trend: +7% within one process",))
    assert audit([timed(verdict=doubts), timed(at=9, seed=5)]) == []


@pytest.mark.parametrize("level", ["suspect", "invalid"])
def test_a_verdict_without_reason(level):
    assert kinds(audit([timed(verdict=Verdict(level))])) == [(level, "no reason")]


class TestContradictions:
    def test_a_label_that_the_samples_deny(self):
        (found,) = audit([replace(timed(), latency_ms=4.0)])
        assert (found.gravity, found.kind) == ("invalid", "label")
        assert "not 4 ms as stored" in found.reason

    def test_drift_is_taken_into_account(self):
        assert audit([timed(drift=1.3)]) == []
        whole = timed(drift=1.3)
        broken = replace(whole, context={"blocks": [{"drift": 1.0}] * 2})
        assert kinds(audit([broken])) == [("invalid", "label")]

    @pytest.mark.parametrize(
        "context",
        [{}, {"blocks": []}, {"blocks": "x"}, {"blocks": [{"drift": 0}] * 2}],
    )
    def test_without_a_record_of_the_drift_nothing_can_be_said(self, context):
        assert audit([replace(timed(), latency_ms=4.0, context=context)]) == []

    @pytest.mark.parametrize("entry", [{}, {"drift": None}, None])
    def test_unknown_drift_was_taken_as_none(self, entry):
        assert audit([replace(timed(), context={"blocks": [entry] * 2})]) == []

    def test_bounds_that_do_not_hold_the_label(self):
        found = audit([replace(timed(), lower_ms=5.5, upper_ms=6.0)])
        assert kinds(found) == [("invalid", "interval")]

    @pytest.mark.parametrize("latency_ms", [0.0, -1.0])
    def test_no_latency(self, latency_ms):
        assert kinds(audit([replace(timed(), latency_ms=latency_ms)])) == [
            ("invalid", "no latency")
        ]

    def test_failures_have_no_label_to_deny(self):
        failed = timed(verdict=Verdict("invalid", ("crash: 11",)))
        assert kinds(audit([replace(failed, latency_ms=None)])) == [("invalid", "crash")]


def test_latencies_near_zero():
    sound = [measurement(name, 10.0) for name in "abcd"]
    found = audit([*sound, measurement("e", 0.2)])
    assert kinds(found) == [("suspect", "near zero")]
    flagged = replace(measurement("e", 0.2), verdict=Verdict("suspect", ("near zero: so",)))
    assert kinds(audit([*sound, flagged])) == [("suspect", "near zero")]


class TestRepeats:
    def test_one_that_changed(self):
        found = audit([timed(), timed(at=1, seed=3), timed(latency_ms=6.0, at=2, seed=5)])
        assert kinds(found) == [("suspect", "repeat")]
        assert "+20%" in found[0].reason

    def test_a_condition_where_half_of_them_did(self):
        first = [timed(name, at=0, seed=n) for n, name in enumerate("abcd")]
        again = [timed(name, 5.3, at=1, seed=n + 9) for n, name in enumerate("abcd")]
        (found,) = audit([*first, *again])
        assert (found.gravity, found.kind, found.subject) == ("suspect", "repeats", None)
        assert "4 repeats" in found.reason

    def test_those_that_agree_are_no_finding(self):
        assert audit([timed(name, at=at, seed=at) for at in (0, 1) for name in "abcd"]) == []

    def test_failures_do_not_count(self):
        failed = replace(timed(latency_ms=9.0), verdict=Verdict("invalid", ("crash: 11",)))
        assert audit([failed, timed(at=1, seed=5)]) == []


class TestDuplicates:
    def test_the_same_moment_twice(self):
        found = audit([timed(), timed(seed=5)])
        assert kinds(found) == [("suspect", "duplicate")]
        assert "2 measurements of the same moment" in found[0].reason

    def test_the_same_samples_at_other_times(self):
        found = audit([timed(), timed(at=1)])
        assert kinds(found) == [("suspect", "duplicate")]
        assert "different times" in found[0].reason

    def test_two_published_labels(self):
        label = replace(measurement(), measured_at="")
        found = audit([label, replace(label, latency_ms=1.01)])
        assert kinds(found) == [("suspect", "duplicate")]


class TestMixtures:
    def test_two_versions_on_one_device(self):
        (found,) = mixtures([CONDITION, changed(runtime_version="1.21")])
        assert (found.gravity, found.subject) == ("note", None)
        assert "onnxruntime-1.20 and onnxruntime-1.21" in found.reason

    def test_two_protocols_on_one_device(self):
        (found,) = mixtures([CONDITION, changed(protocol=2)])
        assert "protocol 1 and protocol 2" in found.reason

    @pytest.mark.parametrize(
        "change",
        [
            {"threads": 4},
            {"precision": "int8"},
            {"device": "x"},
            {"runtime": "tflite"},
            {"provider": "XNNPACK"},
            {"affinity": [4]},
            {"state": "15W"},
            {"tuned": True},
        ],
    )
    def test_what_was_meant_to_differ_is_none(self, change):
        assert mixtures([CONDITION, changed(**change)]) == []

    def test_none(self):
        assert mixtures([]) == []
        assert mixtures([CONDITION]) == []
