"""Campaigns on a scripted device: what is timed, and what is stored."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from latkit.devices.profile import create
from latkit.measure.plan import CANARY_EVERY
from latkit.protocol import BlockEvent, Failed
from latkit.store import Store
from latkit.subjects import ModelFile
from tests.unit.scripted_campaign import (
    ARCHS,
    CANARY,
    SPACE,
    Device,
    House,
    answer,
    answer_ms,
    latencies,
)


def test_every_architecture_is_timed_by_two_processes(house: House):
    result = house.run(Device())
    assert [found.subject for found in result.measurements] == list(ARCHS)
    assert {found.verdict.level for found in result.measurements} == {"valid"}
    assert house.watcher.plans == [(14, 0)]
    assert Counter(house.watcher.timings) == dict.fromkeys(ARCHS, 2)
    assert sorted(m.subject.key for m in house.watcher.stored) == sorted(a.key for a in ARCHS)
    assert all(len(found.blocks) == 2 for found in result.measurements)
    assert house.journal == []


def test_passes_are_interleaved_and_differently_ordered(house: House):
    house.run(Device())
    first, second = house.watcher.timings[:7], house.watcher.timings[7:]
    assert set(first) == set(second) == set(ARCHS)
    assert first != second


def test_the_canary_is_timed_at_start_and_end_and_in_between(house: House):
    device = Device()
    house.run(device)
    own = house.model_of(CANARY)
    numbers = [n for n, model in enumerate(device.timed) if model.sha256 == own]
    assert numbers[0] == 0
    assert numbers[-1] == len(device.timed) - 1
    assert max(np.diff(numbers)) <= CANARY_EVERY + 1


def test_the_label_is_freed_from_drift_and_the_samples_are_not(house: House):
    calm = latencies(house.run(Device()))

    def slower(device: Device, model: ModelFile) -> BlockEvent:
        return answer(model, len(device.timed), 1.1)

    others = tuple(SPACE.sample(np.random.default_rng(2), 5))
    drifted = house.run(Device(slower), others)
    for found in drifted.measurements:
        assert [b["drift"] for b in found.context["blocks"]] == pytest.approx([1.1] * 2, rel=0.02)
        expected = answer_ms(house, found.subject)
        assert found.latency_ms == pytest.approx(expected, rel=0.03)
        raw = next(m for m in house.dataset if m.subject == found.subject).blocks
        assert np.median(raw[0].samples_ns) / 1e6 == pytest.approx(1.1 * expected, rel=0.02)
    assert calm


def test_what_the_canary_takes_is_kept_in_the_dataset(house: House):
    first = house.run(Device())
    (reference_ns,) = {m.context["canary"]["reference_ns"] for m in first.measurements[-1:]}
    assert reference_ns == pytest.approx(1e6 * answer_ms(house, CANARY), rel=0.02)
    with Store.open(house.url) as store:
        assert store.canary_reference_ns(first.condition, house.model_of(CANARY)) == reference_ns
        assert store.canary_reference_ns(first.condition, house.model_of(ARCHS[0])) is None


def test_a_reference_from_before_canaries_were_told_apart_by_model_is_used(house: House):
    reference_ns = 1e6 * answer_ms(house, CANARY)
    with Store.open(house.url) as store:
        store.keep_canary_reference(Device().condition(), SPACE.name, reference_ns)
    result = house.run(Device())
    told = {found.context["canary"]["reference_ns"] for found in result.measurements}
    assert told == {reference_ns}


def test_a_third_process_is_asked_where_two_disagree(house: House):
    seen: Counter[str] = Counter()
    odd = house.model_of(ARCHS[0])

    def sometimes_slow(device: Device, model: ModelFile) -> BlockEvent | None:
        seen[model.sha256] += 1
        slow = model.sha256 == odd and seen[odd] == 2
        return answer(model, len(device.timed), 1.5) if slow else None

    result = house.run(Device(sometimes_slow))
    assert Counter(house.watcher.timings)[ARCHS[0]] == 3
    assert len(result.measurements[0].blocks) == 3
    assert result.measurements[0].verdict.level == "valid"
    assert latencies(result)[ARCHS[0]] == pytest.approx(answer_ms(house, ARCHS[0]), rel=0.02)


@pytest.mark.parametrize("at", [1, 2])
def test_a_model_that_fails_is_marked_and_the_others_go_on(house: House, at: int):
    bad = house.model_of(ARCHS[2])
    seen: Counter[str] = Counter()

    def fail(device: Device, model: ModelFile) -> Failed | None:
        seen[model.sha256] += 1
        return Failed("1", "crash", "died") if model.sha256 == bad and seen[bad] >= at else None

    result = house.run(Device(fail))
    failed = result.measurements[2]
    assert (failed.verdict.level, failed.verdict.reasons) == ("invalid", ("crash: died",))
    assert failed.latency_ms is None
    assert Counter(house.watcher.timings)[ARCHS[2]] == at
    assert sum(found.usable for found in result.measurements) == 6
    assert {len(m.blocks) for m in house.dataset if m.subject == ARCHS[2]} == {at - 1}


def test_what_failed_is_tried_again_by_the_next_campaign(house: House):
    house.run(Device(lambda device, model: Failed("1", "memory", "out of memory")))
    assert {m.verdict.level for m in house.dataset} == {"invalid"}
    assert all(found.usable for found in house.run(Device()).measurements)


def test_a_canary_that_fails_leaves_drift_unknown(house: House):
    own = house.model_of(CANARY)

    def fail(device: Device, model: ModelFile) -> Failed | None:
        return Failed("1", "error", "no canary") if model.sha256 == own else None

    result = house.run(Device(fail))
    for found in result.measurements:
        assert found.usable
        assert [b["drift"] for b in found.context["blocks"]] == [None, None]


def test_a_wrong_output_is_invalid(house: House):
    bad, other = house.model_of(ARCHS[0]), house.models.get(SPACE.network(ARCHS[1]))

    def swap(device: Device, model: ModelFile) -> BlockEvent | None:
        return answer(other, len(device.timed)) if model.sha256 == bad else None

    found = house.run(Device(swap)).measurements[0]
    assert found.verdict.level == "invalid"
    assert found.verdict.reasons[0].startswith("wrong output")
    assert found.latency_ms == pytest.approx(answer_ms(house, ARCHS[1]), rel=0.02)


def test_what_is_known_is_not_measured_again(house: House):
    house.run(Device(), ARCHS[:4])
    device = Device()
    result = house.run(device)
    assert house.watcher.plans == [(8, 0), (6, 4)]
    assert result.known_before == 4
    assert len(house.dataset) == 7
    again = house.run(Device())
    assert again.known_before == 7
    assert again.measurements
    assert len(house.dataset) == 7


def test_what_is_known_is_measured_again_where_the_plan_asks(house: House):
    first = house.run(Device(), ARCHS[:4])
    second = house.run(Device(), ARCHS[:4], again=True)
    assert house.watcher.plans[-1] == (8, 0)
    assert len(house.dataset) == 8
    assert all(m.measured_at > first.measurements[-1].measured_at for m in second.measurements)


def test_what_is_known_under_another_condition_is_not_known_under_this_one(house: House):
    house.run(Device(), ARCHS[:3])
    other = Device()
    other.profile = create({"name": "board", "transport": "local", "threads": 2})
    result = house.run(other, ARCHS[:3])
    assert result.known_before == 0
    assert Counter(m.condition.threads for m in house.dataset) == {1: 3, 2: 3}
    assert {found.condition for found in result.measurements} == {result.condition}


def test_networks_of_another_skeleton_are_others(house: House):
    house.run(Device(), ARCHS[:2])
    wider = SPACE.with_skeleton(channels=4, cells=1, resolution=8)
    archs = tuple(wider.parse(arch.key) for arch in ARCHS[:2])
    result = house.run(Device(), archs, space=wider)
    assert [found.subject for found in result.measurements] == list(archs)
    assert result.known_before == 0
    assert len({m.context["model_sha256"] for m in house.dataset}) == 4


def test_the_same_architecture_twice_in_a_plan_is_measured_once(house: House):
    result = house.run(Device(), (ARCHS[0], ARCHS[0]))
    assert len(result.measurements) == 1


def test_many_architectures_go_in_batches(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("latkit.measure.plan.BATCH", 3)
    device = Device()
    house.run(device)
    assert device.forgotten == 3
    assert Counter(house.watcher.timings[:6]) == dict.fromkeys(ARCHS[:3], 2)


def test_the_share_of_timing_is_told(house: House):
    result = house.run(Device())
    assert result.seconds > 0
    assert result.timing_share > 0
