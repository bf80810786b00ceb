"""Measuring a plan on a device, so that nothing is lost and nothing done twice.

Every block is in the journal before the next one begins; a measurement is stored as soon as two
undisturbed processes agree on it and a canary told how fast the device was. The stored latency is
freed from the device's drift; raw samples and the drift of every block are stored beside it.
"""

from __future__ import annotations

import time
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from latkit.condition import Condition
from latkit.errors import LatkitError
from latkit.formats.cache import ModelCache
from latkit.measure import assemble, canaries, stats
from latkit.measure.clock import CampaignClock
from latkit.measure.journal import Entry, iso_time, tidied
from latkit.measure.ledger import Ledger
from latkit.measure.models import ModelFiles
from latkit.measure.plan import CANARY_EVERY, MAX_ROUNDS, ROUNDS, Plan, batches, shuffled
from latkit.measure.plausible import contradiction
from latkit.measure.session import Session
from latkit.measurement import Measurement
from latkit.progress import Progress
from latkit.protocol import BlockEvent, Failed, StopRule
from latkit.store import USABLE, Query, Store
from latkit.subjects import Collection, Recipe, Subject

CANARY_RULE = StopRule(min_samples=32, min_s=0.3, max_s=1.0, warm_up_s=0.3)


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """What a campaign brought.

    ``measurements`` are those of the whole plan: what this campaign found, and of the
    ``known_before`` what was found earlier. ``timing_share`` is the part of the campaign's wall
    time in which the device ran inferences.
    """

    condition: Condition
    measurements: tuple[Measurement, ...]
    known_before: int
    seconds: float
    timing_share: float


@dataclass(slots=True)
class Campaign:
    """One plan on one device.

    Args:
        collection: of all subjects, the canary included.
        session: the entered session on the device.
        store: where measurements go.
        cache: where model files come from.
        journals: folder for what is not complete yet.
        progress: is told how it goes.
    """

    collection: Collection
    session: Session
    store: Store
    cache: ModelCache
    journals: Path
    progress: Progress

    def run(self, plan: Plan) -> CampaignResult:
        """Measure what the plan asks for and, unless it asks again, the store does not have.

        Raises DeviceUnreachable, RunnerError or StoreError; all that was timed until then is
        stored or in the journal, and the same call goes on from there.
        """
        begun = time.monotonic()
        subjects = tuple(dict.fromkeys(plan.subjects))
        run = _Run(self, plan)
        todo = run.resume(subjects)
        try:
            run.measure(todo)
        except (KeyboardInterrupt, LatkitError):
            with suppress(LatkitError):
                run.save()
            raise
        seconds = time.monotonic() - begun
        return CampaignResult(
            run.condition,
            run.found(subjects),
            len(subjects) - len(todo),
            seconds,
            min(1.0, run.timing_ns / 1e9 / seconds),
        )


class _Run:
    """A campaign under way."""

    def __init__(self, campaign: Campaign, plan: Plan) -> None:
        self.campaign = campaign
        self.session = campaign.session
        self.canary = plan.canary
        self.again = plan.again
        self.rng = np.random.default_rng(plan.seed)
        self.condition = self.session.condition()
        hello = self.session.hello
        recipe = Recipe(hello.format, self.condition.batch, self.session.profile.precision)
        self.models = ModelFiles(campaign.collection, campaign.cache, recipe)
        self.begun = iso_time(time.time())
        self.ledger = self._open_ledger()
        self.clock = CampaignClock(not_before=self.ledger.latest)
        self.measured: dict[Subject, Measurement] = {}
        self.timing_ns = 0
        self._blocks_since_canary: int | None = None

    def _open_ledger(self) -> Ledger:
        condition, store = self.condition, self.campaign.store
        name, model = self.campaign.collection.name, self.models.file(self.canary).sha256
        path = self.campaign.journals / f"{_identity(condition, name)}.jsonl"
        same = Query(collection=name, condition=condition, levels=USABLE)
        return Ledger(
            tidied(path, self.campaign.progress),
            condition.threads,
            store.canary_reference_ns(condition, model, name),
            lambda reference_ns: store.keep_canary_reference(condition, model, reference_ns),
            cache(lambda: canaries.found_by_others(store.find(same), self.begun)),
        )

    def stored(
        self, subjects: Container[Subject], *, samples: bool = False
    ) -> dict[Subject, Measurement]:
        """The newest usable measurement of those subjects that have one under this condition."""
        wanted = Query(
            collection=self.campaign.collection.name,
            condition=self.condition,
            levels=USABLE,
            newest=True,
        )
        found = self.campaign.store.find(wanted, samples=samples)
        return {m.subject: m for m in found if m.subject in subjects}

    def found(self, subjects: Sequence[Subject]) -> tuple[Measurement, ...]:
        """What this campaign measured, failures included, and of the others what was known."""
        others = [subject for subject in subjects if subject not in self.measured]
        known = self.stored(set(others), samples=True) if others else {}
        found = self.measured | known
        return tuple(found[subject] for subject in subjects if subject in found)

    def resume(self, subjects: Sequence[Subject]) -> list[Subject]:
        """Make use of what an earlier campaign left; returns what is still to be measured."""
        self.save()
        self._bury_other_boots()
        self.ledger.tidy()
        known = {} if self.again else self.stored(subjects)
        todo = [subject for subject in subjects if subject not in known]
        blocks = sum(max(0, ROUNDS - len(self.ledger.of(subject))) for subject in todo)
        self.campaign.progress.planned(blocks, len(subjects) - len(todo))
        return todo

    def save(self) -> None:
        """Store what is complete, wherever the campaign was interrupted."""
        self._forget_stored()
        self.settle()

    def _forget_stored(self) -> None:
        """Drop blocks that are in the store: a kill may come between storing and dropping them."""
        stored = {subject: self._stored_blocks(subject) for subject in self.ledger.subjects()}
        self.ledger.forget(lambda e: not e.canary and e.time in stored[e.subject])

    def _stored_blocks(self, subject: Subject) -> set[str]:
        """When those blocks of a subject were timed that the store has."""
        every = self.campaign.store.find(Query(subject=subject, condition=self.condition))
        return {moment for measurement in every for moment in assemble.moments(measurement)}

    def _bury_other_boots(self) -> None:
        """What a restart of the device cut off is stored as that and measured again."""
        boot_id = self.session.hello.boot_id
        for subject in self.ledger.subjects():
            own = self.ledger.of(subject)
            if any(entry.boot_id != boot_id for entry in own):
                self._store(
                    assemble.restarted(subject, self.condition, own, self.session.context())
                )
                del self.measured[subject]
        self.ledger.forget(lambda e: e.boot_id != boot_id)

    def measure(self, todo: Sequence[Subject]) -> None:
        """Time all, batch by batch."""
        for batch in batches(todo):
            for turn in range(MAX_ROUNDS):
                waiting = [subject for subject in batch if self._waits(subject, turn)]
                self._time_round(shuffled(waiting, self.rng))
            self.ledger.tidy()
            self.session.forget_models()

    def _waits(self, subject: Subject, turn: int) -> bool:
        """Every subject gets a block a round; after the second, only where more are needed."""
        return subject not in self.measured and len(self.ledger.of(subject)) <= turn

    def _time_round(self, subjects: Sequence[Subject]) -> None:
        """Time each once, canaries between."""
        for subject in subjects:
            if self._blocks_since_canary in (None, CANARY_EVERY):
                self._time_canary()
            if subject not in self.measured:  # the canary may just have explained a disagreement
                self._time(subject)
        if self._blocks_since_canary:
            self._time_canary()

    def _time(self, subject: Subject) -> None:
        event = self._answer(subject, None)
        self._blocks_since_canary = (self._blocks_since_canary or 0) + 1
        if isinstance(event, Failed):
            self.campaign.progress.timed(subject, None)
            self._store_failure(subject, event)
            return
        self._note(subject, event, canary=False)
        latency_ns = stats.median_interval(event.samples_ns).median
        self.campaign.progress.timed(subject, latency_ns / 1e6)

    def _time_canary(self) -> None:
        event = self._answer(self.canary, CANARY_RULE)
        self._blocks_since_canary = 0
        if isinstance(event, BlockEvent):
            self._note(self.canary, event, canary=True)
        self.settle()

    def _answer(self, subject: Subject, rule: StopRule | None) -> BlockEvent | Failed:
        """What the device says of a model; figures that contradict one another are a failure."""
        event = self.session.time(self.models.file(subject), rule)
        reason = contradiction(event) if isinstance(event, BlockEvent) else None
        return Failed(event.id, "implausible", reason) if reason else event

    def _note(self, subject: Subject, event: BlockEvent, *, canary: bool) -> None:
        self.timing_ns += event.timing_ns
        self.ledger.add(Entry(subject, canary, self.clock.now(), self.session.hello.boot_id, event))

    def settle(self) -> None:
        """Store every measurement that is complete."""
        for subject in filter(self.ledger.complete, self.ledger.subjects()):
            reference_ns, found_ns = self.ledger.reference_ns, self.ledger.found_ns
            canary = canaries.note(self.canary.key, reference_ns, found_ns, self.begun)
            self._store(
                assemble.measurement(
                    subject,
                    self.condition,
                    self.ledger.sightings(subject),
                    expected=self.models.expected(subject),
                    provider=self.session.profile.provider,
                    context=self.session.context()
                    | {"model_sha256": self.models.file(subject).sha256, "canary": canary},
                )
            )

    def _store_failure(self, subject: Subject, event: Failed) -> None:
        own, context = self.ledger.of(subject), self.session.context()
        self._store(assemble.failure(subject, self.condition, own, event, context))

    def _store(self, measurement: Measurement) -> None:
        self.campaign.store.add(measurement)
        self.ledger.forget(lambda e: not e.canary and e.subject == measurement.subject)
        self.measured[measurement.subject] = measurement
        self.campaign.progress.measured(measurement)


def _identity(condition: Condition, collection: str) -> str:
    return f"{condition.board}-{collection.replace(':', '-')}-{condition.digest()}"
