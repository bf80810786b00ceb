"""Campaigns on a scripted device: what is timed, what is stored, and what survives."""

from __future__ import annotations

import contextlib
import functools
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from latkit.condition import Condition
from latkit.devices.profile import create
from latkit.errors import DeviceUnreachable, StoreError
from latkit.formats.cache import ModelCache
from latkit.measure.campaign import Campaign, CampaignResult
from latkit.measure.journal import Entry, Journal
from latkit.measure.ledger import Ledger
from latkit.measure.models import INPUT_SEED
from latkit.measure.plan import CANARY_EVERY, Plan, canary
from latkit.measure.reference import reference_output
from latkit.measurement import Measurement
from latkit.progress import Progress
from latkit.protocol import BlockEvent, Failed, Hello, StopRule
from latkit.spaces.base import Space
from latkit.spaces.nb201 import NB201
from latkit.store import Query, Store
from latkit.subjects import ModelFile, Subject
from tests.unit.measured import block, steady

SPACE = NB201(channels=2, cells=1, resolution=8)
ARCHS = tuple(SPACE.sample(np.random.default_rng(1), 7))
CANARY = canary(SPACE)
HELLO = Hello(1, "onnxruntime", "1", "onnx", (), "3.8", "x", None, 1, None, "boot")


class Killed(BaseException):
    """Nothing catches this: the process is gone."""


@dataclass
class Device:
    """Stands for an entered Session; ``behave`` may raise, or replace the answer."""

    behave: Callable[[Device, ModelFile], BlockEvent | Failed | None] = lambda device, model: None
    hello: Hello = HELLO
    profile = create({"name": "board", "transport": "local"})
    timed: list[ModelFile] = field(default_factory=list)
    forgotten: int = 0

    def condition(self) -> Condition:
        return Condition.of(self.profile, self.hello)

    def context(self) -> dict[str, object]:
        return {"device": "scripted"}

    def time(self, model: ModelFile, rule: StopRule | None = None) -> BlockEvent | Failed:
        self.timed.append(model)
        return self.behave(self, model) or answer(model, len(self.timed))

    def forget_models(self) -> None:
        self.forgotten += 1


known_output = functools.cache(reference_output)


def answer(model: ModelFile, number: int, factor: float = 1.0) -> BlockEvent:
    """A good block; every model has a latency of its own."""
    own_ms = 1 + int(model.sha256[:4], 16) / 6554
    output = known_output(model.path, INPUT_SEED)
    return block(steady(factor * own_ms, seed=number), output=output)


@dataclass
class Watcher(Progress):
    plans: list[tuple[int, int]] = field(default_factory=list)
    timings: list[Subject] = field(default_factory=list)
    stored: list[Measurement] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def planned(self, blocks: int, known: int) -> None:
        self.plans.append((blocks, known))

    def timed(self, subject: Subject, latency_ms: float | None) -> None:
        self.timings.append(subject)

    def warned(self, message: str) -> None:
        self.warnings.append(message)

    def measured(self, measurement: Measurement) -> None:
        self.stored.append(measurement)


@dataclass
class House:
    """Where a campaign takes place, again and again."""

    folder: Path
    models: ModelCache
    watcher: Watcher = field(default_factory=Watcher)

    def run(
        self,
        device: Device,
        archs: tuple[Subject, ...] = ARCHS,
        *,
        again: bool = False,
        space: Space = SPACE,
    ) -> CampaignResult:
        with Store.open(self.url) as store:
            journals = self.folder / "journals"
            campaign = Campaign(space, device, store, self.models, journals, self.watcher)
            return campaign.run(Plan(archs, space.parse(CANARY.key), again=again))

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/dataset.db"

    @property
    def dataset(self) -> list[Measurement]:
        with Store.open(self.url) as store:
            return list(store.find(samples=True))

    @property
    def journal(self) -> list[Path]:
        return list((self.folder / "journals").glob("*.jsonl"))

    def model_of(self, arch: Subject) -> str:
        return self.models.get(SPACE.network(arch)).sha256


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def empty_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dataset") / "empty.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def house(
    tmp_path: Path, models: ModelCache, empty_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> House:
    monkeypatch.setattr("latkit.measure.models.reference_output", known_output)
    shutil.copy(empty_dataset, tmp_path / "dataset.db")
    return House(tmp_path, models)


def latencies(result: CampaignResult) -> dict[Subject, float]:
    return {found.subject: found.latency_ms or 0.0 for found in result.measurements}


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


def answer_ms(house: House, arch: Subject) -> float:
    return 1 + int(house.model_of(arch)[:4], 16) / 6554


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


def killed_at(step: int) -> Callable[[Device, ModelFile], None]:
    def kill(device: Device, model: ModelFile) -> None:
        if len(device.timed) == step:
            raise Killed

    return kill


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


STEPS = [
    *((Killed, step) for step in range(1, 22)),
    *(
        (problem, step)
        for problem in (KeyboardInterrupt, DeviceUnreachable)
        for step in (3, 12, 17)
    ),
]


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
    def cut(device: Device, model: ModelFile) -> None:
        if len(house.watcher.timings) == 11:
            raise DeviceUnreachable("the link is lost")

    with pytest.raises(DeviceUnreachable):
        house.run(Device(cut))
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
    def cut(device: Device, model: ModelFile) -> None:
        if len(house.watcher.timings) == 5:
            raise Killed

    with pytest.raises(Killed):
        house.run(Device(cut))
    others = tuple(SPACE.sample(np.random.default_rng(5), 3))
    house.run(Device(), others)
    house.run(Device())
    assert Counter(house.watcher.timings) == dict.fromkeys((*ARCHS, *others), 2)


def test_a_restart_of_the_device_ends_what_was_under_way(house: House):
    def cut(device: Device, model: ModelFile) -> None:
        if len(house.watcher.timings) == 3:
            raise DeviceUnreachable("it is restarting")

    with pytest.raises(DeviceUnreachable):
        house.run(Device(cut))
    before = house.watcher.timings[:3]
    result = house.run(Device(hello=replace(HELLO, boot_id="boot 2")))
    assert all(found.usable for found in result.measurements)
    buried = [m for m in house.dataset if m.verdict.level == "invalid"]
    assert {m.subject for m in buried} == set(before)
    assert all(m.verdict.reasons[0].startswith("reboot") for m in buried)
    assert all(len(m.blocks) == 1 for m in buried)


def test_what_was_complete_before_a_restart_is_kept(house: House):
    def cut(device: Device, model: ModelFile) -> None:
        if len(house.watcher.timings) == 10:
            raise Killed

    with pytest.raises(Killed):
        house.run(Device(cut))
    assert house.dataset == []
    twice = {arch for arch, blocks in Counter(house.watcher.timings).items() if blocks == 2}
    result = house.run(Device(hello=replace(HELLO, boot_id="boot 2")))
    assert all(found.usable for found in result.measurements)
    buried = [m for m in house.dataset if m.verdict.level == "invalid"]
    assert {m.subject for m in buried} == set(ARCHS) - twice
    assert {arch for arch in ARCHS if house.watcher.timings.count(arch) == 2} == twice


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
