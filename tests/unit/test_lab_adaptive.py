"""Adaptive campaigns on a scripted device: when they stop, and what survives."""

from __future__ import annotations

import functools
import json
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from latkit.formats.cache import ModelCache
from latkit.lab import Lab
from latkit.lab.adaptive import FIRST, MOST, measure_until_converged, run
from latkit.latencies import Latencies
from latkit.measure.campaign import Campaign
from latkit.measure.models import INPUT_SEED
from latkit.measure.plan import canary
from latkit.predictor.adapt import adapt
from latkit.protocol import Failed
from latkit.store import Store
from tests.unit.measured import block, steady
from tests.unit.scripted_campaign import SPACE, Device, Killed, Watcher, known_output
from tests.unit.toy_bundle import CELLS, latencies, toy_bundle

ARCHS = SPACE.sample(np.random.default_rng(8), MOST)
MS = dict(zip(ARCHS, latencies(SPACE.matrix(ARCHS), np.random.default_rng(0)), strict=True))
BUNDLE = toy_bundle()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("models"))


@functools.cache
def arch_of(models: ModelCache) -> dict[str, object]:
    return {models.get(SPACE.network(arch)).sha256: arch for arch in ARCHS}


class House:
    """Where an adaptive campaign takes place, again and again."""

    def __init__(self, folder: Path, models: ModelCache) -> None:
        self.folder, self.models = folder, models
        self.watcher, self.steps = Watcher(), []
        self.predict = adapted
        self.failing: set[object] = set()
        self.die_at: int | None = None

    def behave(self, device, model):
        arch = arch_of(self.models).get(model.sha256)
        if self.die_at is not None and len(self.watcher.timings) >= self.die_at:
            raise Killed
        if arch in self.failing:
            return Failed("1", "memory", "out of memory")
        output = known_output(model.path, INPUT_SEED)
        return block(steady(MS.get(arch, 2.0), seed=len(device.timed)), output=output)

    @contextmanager
    def campaign(self, *_):
        with Store.open(f"sqlite:///{self.folder}/dataset.db") as store:
            device, journals = Device(self.behave), self.folder / "journals"
            yield Campaign(SPACE, device, store, self.models, journals, self.watcher)

    def run(self):
        self.steps.clear()
        with self.campaign() as opened:
            return run(opened, ARCHS, canary(SPACE), 0, self.predict, self.steps.append)


def adapted(measured):
    operations = SPACE.matrix(found.subject for found in measured)
    latency_ms = np.array([found.latency_ms for found in measured])
    return adapt(BUNDLE, operations, latency_ms).predict(CELLS[::40])


def restless(measured):
    mean = np.random.default_rng(len(measured)).uniform(1, 9, 50)
    return Latencies(mean, mean / 2, mean * 2)


@pytest.fixture
def house(tmp_path: Path, models: ModelCache, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr("latkit.measure.models.reference_output", known_output)
    return House(tmp_path, models)


def names(result):
    return [found.subject for found in result.campaign.measurements]


def test_it_ends_when_predictions_have_converged(house: House):
    result = house.run()
    count = len(names(result))
    assert FIRST < count < MOST
    assert names(result) == ARCHS[:count]
    assert result.converged
    assert list(result.steps) == house.steps
    assert house.steps[-1].networks == count
    assert f"stopped after {count} networks" in result.reason


def test_it_ends_at_the_most_that_it_may_measure(house: House):
    house.predict = restless
    result = house.run()
    assert names(result) == ARCHS
    assert not result.converged
    assert f"stopped after {MOST} networks: that is the most" in result.reason
    assert result.campaign.known_before == 0
    assert result.campaign.timing_share > 0


@pytest.mark.parametrize("blocks", [0, 3, 13, 15])
def test_killed_and_started_again_it_goes_on_with_the_same_networks(house: House, blocks: int):
    house.die_at = blocks
    with pytest.raises(Killed):
        house.run()
    house.die_at = None
    result = house.run()
    assert names(result) == ARCHS[: len(names(result))]
    assert set(Counter(house.watcher.timings).values()) == {2}
    assert result.converged


def test_one_that_has_ended_measures_nothing(house: House):
    first, timed = house.run(), len(house.watcher.timings)
    again = house.run()
    assert names(again) == names(first)
    assert again.steps == first.steps
    assert again.campaign.known_before == len(names(first))
    assert len(house.watcher.timings) == timed


def test_networks_that_fail_are_asked_once_and_do_not_count(house: House):
    house.failing = {ARCHS[0], ARCHS[6]}
    result = house.run()
    assert result.converged
    assert result.steps[0].networks == FIRST - 1
    assert len(names(result)) == result.steps[-1].networks + 2
    assert Counter(house.watcher.timings)[ARCHS[0]] == 1


def test_nothing_is_predicted_from_nothing(house: House):
    house.failing = set(ARCHS)
    result = house.run()
    assert result.steps == ()
    assert "too few of them could be measured" in result.reason


def test_every_input_of_the_command_is_checked_before_the_device_is_touched(capsys, tmp_path):
    from latkit.cli import run as latkit

    for words, message in (
        (["--n", "0"], "neither a positive number nor 'auto'"),
        (["--n", "many"], "neither a positive number nor 'auto'"),
        (["--n", "auto", "--archs", "x.json"], "--n auto draws networks"),
        (["--n", "auto", "--sampler", "best"], "unknown sampler 'best'"),
    ):
        assert latkit(["measure", "--device", "local", *words]) == 2
        assert message in capsys.readouterr().err


def test_the_command_tells_every_step_and_why_it_ended(house: House, capsys, monkeypatch):
    from latkit.cli import run as latkit

    monkeypatch.setattr("latkit.lab.adaptive.campaign", house.campaign)
    monkeypatch.setattr("latkit.lab.adaptive.draw", lambda *_: ARCHS)
    monkeypatch.setattr("latkit.lab.adaptive.predictions", lambda _: adapted)
    assert latkit(["measure", "--device", "local", "--n", "auto", "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    steps = found["adaptive"]["steps"]
    assert [step["networks"] for step in steps] == list(range(5, 5 + 3 * len(steps), 3))
    assert len(found["measurements"]) == steps[-1]["networks"]
    assert found["adaptive"]["converged"]
    assert "5 networks: predictions ± " in shown.err
    assert f"stopped after {steps[-1]['networks']} networks" in shown.err


def test_a_space_without_a_bundle_cannot_converge(monkeypatch):
    from latkit.errors import BundleError
    from latkit.predictor.bundle import Bundle

    monkeypatch.setattr("latkit.predictor.bundle._shipped_folder", lambda space: Path("/absent"))
    assert not Bundle.is_shipped("nb201")
    with pytest.raises(BundleError, match="no pretrained predictor for nb201"):
        measure_until_converged(Lab(), "local")
