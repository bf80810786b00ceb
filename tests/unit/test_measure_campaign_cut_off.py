"""Campaigns that are cut off: nothing is lost, nothing done twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from latkit.errors import DeviceUnreachable, StoreError
from latkit.measure.journal import Entry, Journal
from latkit.measurement import Measurement
from latkit.store import Store
from latkit.subjects import ModelFile
from tests.unit.scripted_campaign import (
    ARCHS,
    HELLO,
    SPACE,
    Device,
    House,
    Killed,
)

STEPS = [
    *((Killed, step) for step in range(1, 22)),
    *(
        (problem, step)
        for problem in (KeyboardInterrupt, DeviceUnreachable)
        for step in (3, 12, 17)
    ),
]


def cut_after(house: House, timings: int, problem: type[BaseException] = Killed) -> Device:
    """A device whose campaign ends after so many timings."""

    def cut(device: Device, model: ModelFile) -> None:
        if len(house.watcher.timings) == timings:
            raise problem("it ends here")

    return Device(cut)


@pytest.mark.parametrize(("problem", "step"), STEPS)
def test_wherever_it_is_cut_off_nothing_is_lost_or_done_twice(house: House, problem, step: int):
    def cut(device: Device, model: ModelFile) -> None:
        if len(device.timed) == step:
            raise problem("gone")

    try:
        house.run(Device(cut))
    except problem:
        pass
    else:
        assert step > len(ARCHS) * 2 + 5
    stored = len(house.dataset)
    known = len(house.watcher.timings)
    result = house.run(Device())
    assert all(found.usable for found in result.measurements)
    assert len(house.dataset) == len(ARCHS)
    assert result.known_before >= stored
    assert Counter(house.watcher.timings) == dict.fromkeys(ARCHS, 2)
    assert house.watcher.plans[-1] == (14 - known, result.known_before)
    assert house.journal == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(7))
def test_a_kill_around_storing_stores_nothing_twice(
    house: House, monkeypatch: pytest.MonkeyPatch, when: str, number: int
):
    add, calls = Store.add, []

    def kill(store: Store, measurement: Measurement) -> None:
        calls.append(measurement)
        if when == "after":
            add(store, measurement)
        if len(calls) > number:
            raise Killed
        if when == "before":
            add(store, measurement)

    monkeypatch.setattr(Store, "add", kill)
    with pytest.raises(Killed):
        house.run(Device())
    monkeypatch.undo()
    house.run(Device())
    assert Counter(m.subject for m in house.dataset) == dict.fromkeys(ARCHS, 1)
    assert Counter(house.watcher.timings) == dict.fromkeys(ARCHS, 2)


def test_what_is_complete_is_stored_when_the_link_is_lost(house: House):
    with pytest.raises(DeviceUnreachable):
        house.run(cut_after(house, 11, DeviceUnreachable))
    assert len(house.dataset) == 4


def test_a_full_disk_loses_nothing(house: House, monkeypatch: pytest.MonkeyPatch):
    def full(store: Store, measurement: Measurement) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Store, "add", full)
    with pytest.raises(StoreError):
        house.run(Device())
    known = len(house.watcher.timings)
    assert known > 7
    monkeypatch.undo()
    house.run(Device())
    assert len(house.watcher.timings) == 14
    assert len(house.dataset) == 7


@pytest.mark.parametrize("step", [1, 5, 14])
def test_a_full_disk_under_the_journal_loses_only_that_block(
    house: House, monkeypatch: pytest.MonkeyPatch, step: int
):
    append, known = Journal.append, []

    def full(journal: Journal, entry: Entry) -> None:
        if len(known) == step:
            raise StoreError("the disk is full")
        append(journal, entry)
        known.append(entry)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        with pytest.raises(StoreError, match="full"):
            house.run(Device())
    house.run(Device())
    assert Counter(house.watcher.timings) == dict.fromkeys(ARCHS, 2)
    assert Counter(m.subject for m in house.dataset) == dict.fromkeys(ARCHS, 1)


def test_blocks_of_another_plan_wait_for_theirs(house: House):
    with pytest.raises(Killed):
        house.run(cut_after(house, 5))
    others = tuple(SPACE.sample(np.random.default_rng(5), 3))
    house.run(Device(), others)
    house.run(Device())
    assert Counter(house.watcher.timings) == dict.fromkeys((*ARCHS, *others), 2)


def test_a_restart_of_the_device_ends_what_was_under_way(house: House):
    with pytest.raises(DeviceUnreachable):
        house.run(cut_after(house, 3, DeviceUnreachable))
    before = house.watcher.timings[:3]
    result = house.run(Device(hello=replace(HELLO, boot_id="boot 2")))
    assert all(found.usable for found in result.measurements)
    buried = [m for m in house.dataset if m.verdict.level == "invalid"]
    assert {m.subject for m in buried} == set(before)
    assert all(m.verdict.reasons[0].startswith("reboot") for m in buried)
    assert all(len(m.blocks) == 1 for m in buried)


def test_what_was_complete_before_a_restart_is_kept(house: House):
    with pytest.raises(Killed):
        house.run(cut_after(house, 10))
    assert house.dataset == []
    twice = {arch for arch, blocks in Counter(house.watcher.timings).items() if blocks == 2}
    result = house.run(Device(hello=replace(HELLO, boot_id="boot 2")))
    assert all(found.usable for found in result.measurements)
    buried = [m for m in house.dataset if m.verdict.level == "invalid"]
    assert {m.subject for m in buried} == set(ARCHS) - twice
    assert {arch for arch in ARCHS if house.watcher.timings.count(arch) == 2} == twice
