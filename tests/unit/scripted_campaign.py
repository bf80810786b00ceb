"""A scripted device, and a house with dataset and journal for campaigns on it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latkit.condition import Condition
from latkit.devices.profile import create
from latkit.formats.cache import ModelCache
from latkit.measure.campaign import Campaign, CampaignResult
from latkit.measure.models import INPUT_SEED
from latkit.measure.plan import Plan, canary
from latkit.measure.reference import reference_output
from latkit.measurement import Measurement
from latkit.progress import Progress
from latkit.protocol import BlockEvent, Failed, Hello, StopRule
from latkit.spaces.base import Space
from latkit.spaces.nb201 import NB201
from latkit.store import Store
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


def latencies(result: CampaignResult) -> dict[Subject, float]:
    return {found.subject: found.latency_ms or 0.0 for found in result.measurements}


def killed_at(step: int) -> Callable[[Device, ModelFile], None]:
    def kill(device: Device, model: ModelFile) -> None:
        if len(device.timed) == step:
            raise Killed

    return kill


def answer_ms(house: House, arch: Subject) -> float:
    return 1 + int(house.model_of(arch)[:4], 16) / 6554
