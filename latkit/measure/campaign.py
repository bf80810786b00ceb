"""Measuring a plan on a device, so that nothing is lost and nothing done twice.

Every block is in the journal before the next one begins; a measurement is stored as soon as two
undisturbed processes agree on it and a canary told how fast the device was. The stored latency is
freed from the device's drift; raw samples and the drift of every block are stored beside it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from latkit.errors import LatkitError
from latkit.formats.cache import ModelCache
from latkit.measure import assemble, stats
from latkit.measure.drift import CanaryReference
from latkit.measure.journal import Entry, Journal
from latkit.measure.ledger import Ledger
from latkit.measure.models import Models
from latkit.measure.plan import CANARY_EVERY, MAX_ROUNDS, ROUNDS, Plan, batches, shuffled
from latkit.measure.session import Session
from latkit.measurement import LEVELS, Arch, Level, Measurement, Setting
from latkit.protocol import BlockEvent, Failed, StopRule
from latkit.spaces.base import Space
from latkit.store import Store

USABLE: tuple[Level, ...] = ("valid", "suspect")
CANARY_RULE = StopRule(min_samples=32, min_s=0.3, max_s=1.0, warm_up_s=0.3)


class Observer(Protocol):
    """Is told how a campaign goes."""

    def planned(self, blocks: int, known: int) -> None:
        """So many blocks are to be timed; so many architectures were measured before."""

    def timed(self, arch: Arch, latency_ms: float | None) -> None:
        """One block of an architecture was timed (None: it failed)."""

    def measured(self, measurement: Measurement) -> None:
        """A measurement is complete and stored."""


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """What a campaign brought.

    ``measurements`` are those of the whole plan, also those known before. ``timing_share`` is the
    part of the campaign's wall time in which the device ran inferences.
    """

    setting: Setting
    measurements: tuple[Measurement, ...]
    known_before: int
    seconds: float
    timing_share: float


@dataclass(slots=True)
class Campaign:
    """One plan on one device.

    Args:
        space: the architectures' space; ``skeleton`` overrides its macro skeleton.
        session: the entered session on the device.
        store: where measurements go.
        cache: where model files come from.
        journals: folder for what is not complete yet, and for the canary's reference.
        observer: is told how it goes.
    """

    space: Space
    session: Session
    store: Store
    cache: ModelCache
    journals: Path
    observer: Observer
    skeleton: dict[str, int] = field(default_factory=dict)

    def run(self, plan: Plan) -> CampaignResult:
        """Measure what the plan asks for and, unless it asks again, the store does not have.

        Raises DeviceUnreachable, RunnerError or StoreError; all that was timed until then is
        stored or in the journal, and the same call goes on from there.
        """
        begun = time.monotonic()
        archs = tuple(dict.fromkeys(plan.archs))
        run = _Run(self, plan)
        todo = run.resume(archs)
        try:
            run.measure(todo)
        except (KeyboardInterrupt, LatkitError):
            with suppress(LatkitError):
                run.save()
            raise
        # Not the newest of all levels: the clock may have been set back since an old failure.
        failed = run.stored(("invalid",), with_samples=True)
        found = failed | run.stored(USABLE, with_samples=True)
        seconds = time.monotonic() - begun
        return CampaignResult(
            run.setting,
            tuple(found[arch] for arch in archs),
            len(archs) - len(todo),
            seconds,
            run.timing_ns / 1e9 / seconds,
        )


class _Run:
    """A campaign under way."""

    def __init__(self, campaign: Campaign, plan: Plan) -> None:
        self.campaign = campaign
        self.session = campaign.session
        self.canary = plan.canary
        self.again = plan.again
        self.rng = np.random.default_rng(plan.seed)
        self.setting = self.session.setting(campaign.space.skeleton_id(**campaign.skeleton))
        profile, hello = self.session.profile, self.session.hello
        self.models = Models(
            campaign.space,
            campaign.cache,
            hello.format,
            profile.batch,
            campaign.skeleton,
            profile.precision,
        )
        self.ledger = self._open_ledger()
        self.done: set[Arch] = set()
        self.timing_ns = 0
        self._blocks_since_canary: int | None = None

    def _open_ledger(self) -> Ledger:
        name = _identity(self.setting, self.campaign.space.name)
        folder = self.campaign.journals
        model = self.models.file(self.canary)
        reference = CanaryReference(folder / f"{name}.canary.json", model.sha256)
        journal = Journal(folder / f"{name}.jsonl")
        return Ledger(journal, reference, self.setting.threads)

    def stored(
        self, levels: Sequence[Level], *, with_samples: bool = False
    ) -> dict[Arch, Measurement]:
        """The newest stored measurement of every architecture under this setting."""
        found = self.campaign.store.latest(
            space=self.campaign.space.name,
            setting=self.setting,
            levels=levels,
            with_samples=with_samples,
        )
        return {measurement.arch: measurement for measurement in found}

    def resume(self, archs: Sequence[Arch]) -> list[Arch]:
        """Make use of what an earlier campaign left; returns what is still to be measured."""
        self.save()
        self._bury_other_boots()
        self.ledger.tidy()
        known = {} if self.again else self.stored(USABLE)
        todo = [arch for arch in archs if arch not in known]
        blocks = sum(max(0, ROUNDS - len(self.ledger.of(arch))) for arch in todo)
        self.campaign.observer.planned(blocks, len(archs) - len(todo))
        return todo

    def save(self) -> None:
        """Store what is complete, wherever the campaign was interrupted."""
        self._forget_stored()
        self.settle()

    def _forget_stored(self) -> None:
        last = self.stored(LEVELS)
        self.ledger.forget(
            lambda e: not e.canary and e.arch in last and e.time <= last[e.arch].measured_at
        )

    def _bury_other_boots(self) -> None:
        """What a restart of the device cut off is stored as that and measured again."""
        boot_id = self.session.hello.boot_id
        for arch in self.ledger.archs():
            own = self.ledger.of(arch)
            if any(entry.boot_id != boot_id for entry in own):
                self._store(assemble.restarted(arch, self.setting, own, self.session.context()))
                self.done.remove(arch)
        self.ledger.forget(lambda e: e.boot_id != boot_id)

    def measure(self, todo: Sequence[Arch]) -> None:
        """Time all, batch by batch."""
        for batch in batches(todo):
            for turn in range(MAX_ROUNDS):
                waiting = [arch for arch in batch if self._waits(arch, turn)]
                self._time_round(shuffled(waiting, self.rng))
            self.ledger.tidy()
            self.session.forget_models()

    def _waits(self, arch: Arch, turn: int) -> bool:
        """Every architecture gets a block a round; after the second, only where more are needed."""
        return arch not in self.done and len(self.ledger.of(arch)) <= turn

    def _time_round(self, archs: Sequence[Arch]) -> None:
        """Time each once, canaries between."""
        for arch in archs:
            if self._blocks_since_canary in (None, CANARY_EVERY):
                self._time_canary()
            if arch not in self.done:  # the canary may just have explained a disagreement
                self._time(arch)
        if self._blocks_since_canary:
            self._time_canary()

    def _time(self, arch: Arch) -> None:
        event = self.session.time(self.models.file(arch))
        self._blocks_since_canary = (self._blocks_since_canary or 0) + 1
        if isinstance(event, Failed):
            self.campaign.observer.timed(arch, None)
            self._store_failure(arch, event)
            return
        self._note(arch, event, canary=False)
        latency_ns = stats.median_interval(event.samples_ns).median
        self.campaign.observer.timed(arch, latency_ns / 1e6)

    def _time_canary(self) -> None:
        event = self.session.time(self.models.file(self.canary), CANARY_RULE)
        self._blocks_since_canary = 0
        if isinstance(event, BlockEvent):
            self._note(self.canary, event, canary=True)
        self.settle()

    def _note(self, arch: Arch, event: BlockEvent, *, canary: bool) -> None:
        self.timing_ns += event.timing_ns
        self.ledger.add(Entry(arch, canary, time.time(), self.session.hello.boot_id, event))

    def settle(self) -> None:
        """Store every measurement that is complete."""
        for arch in filter(self.ledger.complete, self.ledger.archs()):
            canary = {"arch": self.canary.text, "reference_ns": self.ledger.reference_ns()}
            self._store(
                assemble.measurement(
                    arch,
                    self.setting,
                    self.ledger.sightings(arch),
                    expected=self.models.expected(arch),
                    provider=self.session.profile.provider,
                    context=self.session.context()
                    | {"model_sha256": self.models.file(arch).sha256, "canary": canary},
                )
            )

    def _store_failure(self, arch: Arch, event: Failed) -> None:
        own, context = self.ledger.of(arch), self.session.context()
        self._store(assemble.failure(arch, self.setting, own, event, context))

    def _store(self, measurement: Measurement) -> None:
        self.campaign.store.add(measurement)
        self.ledger.forget(lambda e: not e.canary and e.arch == measurement.arch)
        self.done.add(measurement.arch)
        self.campaign.observer.measured(measurement)


def _identity(setting: Setting, space: str) -> str:
    text = json.dumps([space, asdict(setting)], sort_keys=True)
    return f"{setting.device}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
