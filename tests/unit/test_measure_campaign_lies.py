"""Campaigns on a device that tells what cannot be."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from latkit.measure.journal import Journal
from latkit.protocol import BlockEvent
from latkit.subjects import ModelFile
from tests.unit.measured import block, steady
from tests.unit.scripted_campaign import (
    ARCHS,
    CANARY,
    Device,
    House,
    Killed,
    answer,
    answer_ms,
    killed_at,
)

IMPOSSIBLE = {
    "a day in a moment": (1,) * 50_001 + (86_400 * 10**9,) * 49_999,
    "a nanosecond": (1,) * 64,
    "a day": (86_400 * 10**9,) * 64,
}


def claims(samples_ns: tuple[int, ...]) -> BlockEvent:
    return replace(block(steady()), samples_ns=samples_ns)


@pytest.mark.parametrize("samples_ns", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_block_that_cannot_be_is_a_failure_of_that_network_alone(house: House, samples_ns):
    bad = house.model_of(ARCHS[2])

    def lie(device: Device, model: ModelFile) -> BlockEvent | None:
        return claims(samples_ns) if model.sha256 == bad else None

    result = house.run(Device(lie))
    assert [found.usable for found in result.measurements].count(False) == 1
    assert result.measurements[2].verdict.reasons[0].startswith("implausible: ")
    assert all(found.usable for found in house.run(Device()).measurements)


@pytest.mark.parametrize("samples_ns", [*IMPOSSIBLE.values(), (5_000,) * 20_000, None])
def test_a_canary_that_lies_spoils_no_later_campaign(house: House, samples_ns):
    own = house.model_of(CANARY)

    def lie(device: Device, model: ModelFile) -> BlockEvent | None:
        if model.sha256 != own:
            return None
        slow = answer(model, len(device.timed), 30.0)
        return replace(slow, samples_ns=samples_ns, timing_ns=2 * 10**9) if samples_ns else slow

    house.run(Device(lie))
    result = house.run(Device(), again=True)
    for found in result.measurements:
        assert found.usable
        assert found.latency_ms == pytest.approx(answer_ms(house, found.subject), rel=0.03)


def test_a_device_that_stays_slower_has_another_reference_after_two_campaigns(house: House):
    def slower(device: Device, model: ModelFile) -> BlockEvent:
        return answer(model, len(device.timed), 1.3)

    house.run(Device())
    doubted = house.run(Device(slower), again=True)
    believed = house.run(Device(slower), again=True)
    for result, factor in ((doubted, 1.0), (believed, 1.3)):
        for found in result.measurements:
            expected = factor * answer_ms(house, found.subject)
            assert found.latency_ms == pytest.approx(expected, rel=0.03)
    levels = [{found.verdict.level for found in one.measurements} for one in (doubted, believed)]
    assert levels == [{"suspect"}, {"valid"}]


def test_a_canary_that_lies_now_and_then_makes_what_it_watched_invalid(house: House):
    own = house.model_of(CANARY)

    def lie(device: Device, model: ModelFile) -> BlockEvent | None:
        if model.sha256 != own or len(device.timed) < 8:
            return None
        return answer(model, len(device.timed), 100.0)

    found = house.run(Device(lie)).measurements
    reasons = [reason for each in found for reason in each.verdict.reasons]
    assert any(reason.startswith("absurd drift: ") for reason in reasons)
    for each in (m for m in found if m.verdict.level == "valid"):
        assert each.latency_ms == pytest.approx(answer_ms(house, each.subject), rel=0.03)
    assert all(found.usable for found in house.run(Device(), again=True).measurements)


def test_a_journal_line_that_cannot_be_evaluated_is_named_and_the_campaign_goes_on(house: House):
    with contextlib.suppress(Killed):
        house.run(Device(killed_at(9)))
    (journal,) = house.journal
    content = journal.read_text()
    first = Journal(journal).read()[0]
    bad = replace(first, block=claims(IMPOSSIBLE["a day in a moment"]))
    journal.write_bytes(bad.encode() + content.encode())
    assert all(found.usable for found in house.run(Device()).measurements)
    (said,) = house.watcher.warnings
    assert said.startswith(f"1 line of {journal} could not be evaluated")
    assert Journal(journal).rejected.read_bytes() == bad.encode()
