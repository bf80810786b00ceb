"""Campaigns under a clock that jumps, and what counts as newest."""

from __future__ import annotations

import contextlib
import time
from collections import Counter

import pytest

from latkit.measure.ledger import Ledger
from latkit.measurement import Measurement
from latkit.protocol import BlockEvent, Failed
from latkit.store import Query, Store
from latkit.subjects import ModelFile
from tests.unit.scripted_campaign import ARCHS, CANARY, Device, House, Killed, Watcher, answer


class Clock:
    """Stands for the module ``time``; its hands can be moved."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.offset_s = 0.0

    def time(self) -> float:
        return time.time() + self.offset_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("latkit.measure.campaign.time", clock)
    monkeypatch.setattr("latkit.measure.clock.time", clock)
    monkeypatch.setattr("latkit.measure.assemble.time", clock)
    return clock


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
@pytest.mark.parametrize("killed", [False, True])
def test_a_clock_that_jumps(house: House, clock: Clock, jump_s: float, killed: bool):
    def jump(device: Device, model: ModelFile) -> None:
        if len(house.watcher.timings) == 9 and not clock.offset_s:
            clock.offset_s = jump_s
            if killed:
                raise Killed

    with contextlib.suppress(Killed):
        house.run(Device(jump))
    result = house.run(Device())
    assert {found.verdict.level for found in result.measurements} == {"valid"}
    assert Counter(house.watcher.timings) == dict.fromkeys(ARCHS, 2)
    assert len(house.dataset) == len(ARCHS)


@pytest.mark.parametrize("killed", [False, True])
def test_canaries_stay_in_order_where_the_clock_is_set_back(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch, killed: bool
):
    noted: list[float] = []
    add = Ledger.add
    monkeypatch.setattr(Ledger, "add", lambda self, e: (noted.append(e.at), add(self, e))[1])

    def set_back(device: Device, model: ModelFile) -> None:
        if len(house.watcher.timings) == 9 and not clock.offset_s:
            clock.offset_s = -60.0
            if killed:
                raise Killed

    with contextlib.suppress(Killed):
        house.run(Device(set_back))
    if killed:
        house.run(Device())
    assert noted == sorted(noted)


def test_a_clock_set_back_hides_no_success_behind_an_older_failure(house: House, clock: Clock):
    house.run(Device(lambda device, model: Failed("1", "memory", "out of memory")))
    clock.offset_s = -3600.0
    assert all(found.usable for found in house.run(Device()).measurements)
    assert house.run(Device()).known_before == len(ARCHS)


@pytest.mark.parametrize("back_s", [0.0, -3600.0])
def test_again_shows_what_was_measured_last(house: House, clock: Clock, back_s: float):
    watch = house.model_of(CANARY)

    def slower(device: Device, model: ModelFile) -> BlockEvent:
        return answer(model, len(device.timed), 1.0 if model.sha256 == watch else 2.0)

    first = house.run(Device())
    clock.offset_s = back_s
    again = house.run(Device(slower), again=True)
    for old, new in zip(first.measurements, again.measurements, strict=True):
        assert new.latency_ms == pytest.approx(2 * old.latency_ms, rel=0.05)
    assert house.run(Device()).measurements == again.measurements
    with Store.open(house.url) as store:
        newest = {m.subject: m.latency_ms for m in store.find(Query(newest=True))}
    assert newest == {m.subject: m.latency_ms for m in again.measurements}


def test_again_shows_its_failures_and_not_what_was_known_before(house: House):
    house.run(Device())
    spared = {house.model_of(ARCHS[0]), house.model_of(CANARY)}

    def broken(device: Device, model: ModelFile) -> Failed | None:
        return None if model.sha256 in spared else Failed("1", "memory", "out of memory")

    again = house.run(Device(broken), again=True)
    assert [found.usable for found in again.measurements] == [True] + [False] * (len(ARCHS) - 1)
    assert house.run(Device()).known_before == len(ARCHS)


@pytest.mark.parametrize("back_s", [0.0, -3600.0])
def test_blocks_of_a_killed_campaign_outlive_a_clock_set_back(
    house: House, clock: Clock, back_s: float
):
    house.run(Device())
    clock.offset_s = back_s

    def cut(device: Device, model: ModelFile) -> None:
        if len(house.watcher.timings) == 2 * len(ARCHS) + 5:
            raise Killed

    with pytest.raises(Killed):
        house.run(Device(cut), again=True)
    house.run(Device(), again=True)
    assert Counter(house.watcher.timings) == dict.fromkeys(ARCHS, 4)
    assert len(house.dataset) == 2 * len(ARCHS)


@pytest.mark.parametrize("back_s", [0.0, -3600.0])
def test_what_was_stored_before_a_kill_is_stored_once(
    house: House, clock: Clock, back_s: float, monkeypatch: pytest.MonkeyPatch
):
    def killed(self: Watcher, measurement: Measurement) -> None:
        raise Killed

    monkeypatch.setattr(Watcher, "measured", killed)
    with pytest.raises(Killed):
        house.run(Device())
    monkeypatch.undo()
    assert len(house.dataset) == 1
    monkeypatch.setattr("latkit.measure.campaign.time", clock)
    monkeypatch.setattr("latkit.measure.clock.time", clock)
    clock.offset_s = back_s
    house.run(Device())
    assert len(house.dataset) == len(ARCHS)
