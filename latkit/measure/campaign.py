"""Measuring a plan on a device, so that nothing is lost and nothing done twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from latkit.build.cache import ModelCache, ModelFile
from latkit.measure import quality, stats
from latkit.measure.drift import drift_at
from latkit.measure.journal import Entry, Journal
from latkit.measure.plan import CANARY_EVERY, ROUNDS, Plan, shuffled
from latkit.measure.reference import reference_output
from latkit.measure.session import INPUT_SEED, Session
from latkit.protocol import BlockEvent, Failed, Output, StopRule
from latkit.spaces.base import Space
from latkit.store import Store
from latkit.types import LEVELS, Arch, Block, Level, Measurement, Setting, Verdict

CANARY_RULE = StopRule(min_samples=16, min_s=0.3, max_s=3.0, half_width=0.01)


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
        journals: folder for what is not complete yet.
        observer: is told how it goes.
    """

    space: Space
    session: Session
    store: Store
    cache: ModelCache
    journals: Path
    observer: Observer
    skeleton: dict[str, int] = field(default_factory=dict)
    _timing_ns: int = 0

    def run(self, plan: Plan) -> CampaignResult:
        """Measure what the plan asks for and the store does not have.

        Raises DeviceUnreachable, RunnerError or StoreError; all that was timed until then is
        stored or in the journal, and the same call goes on from there.
        """
        begun = time.monotonic()
        setting = self.session.setting(self.space.skeleton_id(**self.skeleton))
        journal = Journal(self.journals / f"{_identity(setting, self.space.name)}.jsonl")
        known = self._known(setting)
        todo = [arch for arch in plan.archs if arch not in known]
        self._rescue(journal, setting, set(todo))
        self.observer.planned(ROUNDS * len(todo), len(plan.archs) - len(todo))
        rng = np.random.default_rng(plan.seed)
        for batch in Plan(tuple(todo), plan.canary).batches():
            self._measure_batch(batch, plan.canary, setting, journal, rng)
        self.session.forget_models()
        found = self._known(setting, LEVELS)
        seconds = time.monotonic() - begun
        return CampaignResult(
            setting,
            tuple(found[arch] for arch in plan.archs),
            len(plan.archs) - len(todo),
            seconds,
            self._timing_ns / 1e9 / seconds,
        )

    def _known(
        self, setting: Setting, levels: Sequence[Level] = ("valid", "suspect")
    ) -> dict[Arch, Measurement]:
        found = self.store.latest(space=self.space.name, setting=setting, levels=levels)
        return {measurement.arch: measurement for measurement in found}

    def _rescue(self, journal: Journal, setting: Setting, todo: set[Arch]) -> None:
        """Blocks of architectures that this plan does not ask for become measurements now."""
        entries = journal.read()
        current = [e for e in entries if e.boot_id == self.session.hello.boot_id]
        strangers = {e.arch for e in entries if not e.canary and e.arch not in todo}
        for arch in strangers:
            self._finish(
                arch, [e for e in entries if e.arch == arch and not e.canary], entries, setting
            )
        if strangers or len(current) < len(entries):
            journal.keep_only(e for e in current if e.canary or e.arch in todo)

    def _measure_batch(
        self,
        batch: Sequence[Arch],
        canary: Arch,
        setting: Setting,
        journal: Journal,
        rng: np.random.Generator,
    ) -> None:
        models = {arch: self._model(arch) for arch in (*batch, canary)}
        expected = {arch: reference_output(models[arch].path, INPUT_SEED) for arch in batch}
        failed: set[Arch] = set()
        for turn in range(ROUNDS + 1):
            entries = journal.read()
            waiting = [
                arch
                for arch in batch
                if arch not in failed and self._needs_block(arch, turn, entries)
            ]
            failed |= self._time_round(shuffled(waiting, rng), canary, models, setting, journal)
        entries = journal.read()
        for arch in batch:
            if arch not in failed:
                own = [e for e in entries if e.arch == arch and not e.canary]
                self._finish(arch, own, entries, setting, expected[arch], models[arch])
        journal.keep_only(())

    def _needs_block(self, arch: Arch, turn: int, entries: Sequence[Entry]) -> bool:
        """Every architecture gets a block a round; in the last one, only where two disagree."""
        own = [e for e in entries if e.arch == arch and not e.canary]
        if turn < ROUNDS:
            return len(own) <= turn
        if len(own) != ROUNDS:
            return False
        medians = [stats.median_interval(e.block.samples_ns).median for e in own]
        corrected = [m / f for m, f in zip(medians, _drift(own, entries), strict=True)]
        return stats.disagreement(corrected) > quality.MAX_DISAGREEMENT

    def _time_round(
        self,
        archs: Sequence[Arch],
        canary: Arch,
        models: dict[Arch, ModelFile],
        setting: Setting,
        journal: Journal,
    ) -> set[Arch]:
        """Time each once, canaries between; returns those that failed, which are stored so."""
        failed: set[Arch] = set()
        for number, arch in enumerate(archs):
            if number % CANARY_EVERY == 0:
                self._time_canary(canary, models[canary], journal)
            event = self.session.time(models[arch])
            if isinstance(event, Failed):
                failed.add(arch)
                self._store_failure(arch, event, setting)
                continue
            self._note(arch, event, journal, canary=False)
            median_ns = stats.median_interval(event.samples_ns).median
            self.observer.timed(arch, median_ns / 1e6)
        if archs:
            self._time_canary(canary, models[canary], journal)
        return failed

    def _time_canary(self, canary: Arch, model: ModelFile, journal: Journal) -> None:
        event = self.session.time(model, CANARY_RULE)
        if isinstance(event, BlockEvent):
            self._note(canary, event, journal, canary=True)

    def _note(self, arch: Arch, event: BlockEvent, journal: Journal, *, canary: bool) -> None:
        self._timing_ns += event.timing_ns
        boot_id = self.session.hello.boot_id
        journal.append(Entry(arch, canary, time.time(), boot_id, event))

    def _model(self, arch: Arch) -> ModelFile:
        network = self.space.network(arch, **self.skeleton)
        return self.cache.get(network, batch=self.session.profile.batch)

    def _finish(
        self,
        arch: Arch,
        own: Sequence[Entry],
        entries: Sequence[Entry],
        setting: Setting,
        expected: Output | None = None,
        model: ModelFile | None = None,
    ) -> None:
        model = model or self._model(arch)
        drift = _drift(own, entries)
        blocks = [entry.block for entry in own]
        label = stats.label([block.samples_ns for block in blocks], drift)
        verdict = quality.judge(
            blocks,
            drift,
            expected=expected or reference_output(model.path, INPUT_SEED),
            provider=self.session.profile.provider,
            precision=setting.precision,
            threads=setting.threads,
        )
        context = self.session.context() | {
            "model_sha256": model.sha256,
            "blocks": [_circumstances(e, f) for e, f in zip(own, drift, strict=True)],
        }
        self._store(
            Measurement(
                arch,
                setting,
                verdict,
                **asdict(label),
                blocks=tuple(map(_block, blocks)),
                context=context,
                measured_at=_now(),
            )
        )

    def _store_failure(self, arch: Arch, event: Failed, setting: Setting) -> None:
        self.observer.timed(arch, None)
        verdict = Verdict("invalid", (f"{event.kind}: {event.detail}",))
        context = self.session.context()
        self._store(Measurement(arch, setting, verdict, None, context=context, measured_at=_now()))

    def _store(self, measurement: Measurement) -> None:
        self.store.add(measurement)
        self.observer.measured(measurement)


def _drift(own: Sequence[Entry], entries: Sequence[Entry]) -> list[float]:
    canaries = [entry for entry in entries if entry.canary]
    medians = [stats.median_interval(entry.block.samples_ns).median for entry in canaries]
    return drift_at([e.at for e in own], [e.at for e in canaries], medians)


def _block(event: BlockEvent) -> Block:
    return Block(event.cold_ns, event.samples_ns, event.thread_cpu_ns, event.involuntary_switches)


def _circumstances(entry: Entry, drift: float) -> dict[str, Any]:
    block = entry.block
    return {
        "at": entry.at,
        "drift": drift,
        "converged": block.converged,
        "warm_up": block.warm_up,
        "providers": list(block.providers),
        "before": asdict(block.before),
        "after": asdict(block.after),
    }


def _identity(setting: Setting, space: str) -> str:
    text = json.dumps([space, asdict(setting)], sort_keys=True)
    return f"{setting.device}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
