"""A campaign in a process of its own, so that tests can kill it.

    python -m tests.integration.campaign_process FOLDER DEVICE_JSON COUNT [TIMINGS]

Appends a line to FOLDER/log for every block that it knows to be in the journal. After TIMINGS it
is held: it cannot be over before the test sends its signal, however slow the computer is.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
from pathlib import Path

import numpy as np

from latkit.devices.profile import create
from latkit.formats.cache import ModelCache
from latkit.measure.campaign import Campaign, CampaignResult
from latkit.measure.plan import Plan, canary
from latkit.measure.session import Session
from latkit.measurement import Measurement, Verdict
from latkit.progress import Progress
from latkit.protocol import StopRule
from latkit.spaces.nb201 import NB201
from latkit.store import Store
from latkit.subjects import Subject

SPACE = NB201(channels=2, cells=1, resolution=8)
RULE = StopRule(min_samples=8, min_s=0.01, max_s=0.05, warm_up_s=0.02)


class Log(Progress):
    """Writes down what it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def planned(self, blocks: int, known: int) -> None:
        self._note("planned", blocks, known)

    def timed(self, subject: Subject, latency_ms: float | None) -> None:
        self._note("timed", subject.key, latency_ms)

    def measured(self, measurement: Measurement) -> None:
        self._note("measured", measurement.subject.key, measurement.verdict.level)

    def _note(self, *words: object) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(words) + "\n")

    def read(self, kind: str) -> list[list[object]]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [words[1:] for words in map(json.loads, lines) if words[0] == kind]


def unusable(result: CampaignResult) -> list[Verdict]:
    """Why labels of a campaign may not train a predictor."""
    return [found.verdict for found in result.measurements if not found.usable]


def archs(count: int) -> tuple[Subject, ...]:
    return tuple(SPACE.sample(np.random.default_rng(3), count))


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/dataset.db"


def run(folder: Path, device: dict[str, object], count: int, **options) -> CampaignResult:
    log = Log(folder / "log")
    with (
        Store.open(url(folder)) as store,
        Session(create(device), rule=RULE, wait_s=60.0, **options) as session,
    ):
        cache, journals = ModelCache(folder / "models"), folder / "journals"
        campaign = Campaign(SPACE, session, store, cache, journals, log)
        return campaign.run(Plan(archs(count), canary(SPACE)))


def hold_after(timings: int) -> None:
    """Let this process time so often, canaries included, and then wait for a signal in the next."""
    time, number = Session.time, itertools.count()

    def held(session: Session, *arguments):
        if next(number) >= timings:
            signal.pause()
        return time(session, *arguments)

    Session.time = held


if __name__ == "__main__":
    # Quick blocks: what is tested is what survives, not what is timed.
    import latkit.measure.campaign

    latkit.measure.campaign.CANARY_RULE = RULE
    if len(sys.argv) > 4:
        hold_after(int(sys.argv[4]))
    try:
        run(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]))
    except KeyboardInterrupt:
        sys.exit(130)
