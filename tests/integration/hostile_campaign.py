"""Campaigns with boards that misbehave: short limits, and what must have come of them."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latkit.devices.deploy import deploy
from latkit.devices.lease import Lease
from latkit.devices.profile import create
from latkit.devices.transport import open_transport
from latkit.errors import LatkitError
from latkit.formats.cache import ModelCache
from latkit.measure.campaign import Campaign, CampaignResult
from latkit.measure.plan import Plan, canary
from latkit.measure.session import Session
from latkit.measurement import Measurement
from latkit.progress import Progress
from latkit.store import Query, Store
from tests.integration.campaign_process import RULE, SPACE, archs

Measure = Callable[[dict[str, Any]], CampaignResult]
IN_TIME_S = 60.0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {
        "latkit.devices.transport.process.CLOSE_GRACE_S": 0.3,
        "latkit.devices.transport.process.QUIET_S": 0.2,
        "latkit.measure.runner.START_TIMEOUT_S": 5.0,
        "latkit.measure.runner.GRACE_S": 1.0,
        "latkit.devices.lease._ANSWER_TIMEOUT_S": 3.0,
        "latkit.devices.tune._ANSWER_TIMEOUT_S": 3.0,
    }.items():
        monkeypatch.setattr(name, seconds)
    monkeypatch.setattr("latkit.measure.campaign.CANARY_RULE", RULE)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("models"))


@pytest.fixture
def measure(tmp_path: Path, models: ModelCache, impatient: None) -> Measure:
    """A campaign over two networks, on a dataset of the test's own."""

    def run(device: dict[str, Any]) -> CampaignResult:
        url = f"sqlite:///{tmp_path}/dataset.db"
        with Store.open(url) as store, Session(create(device), rule=RULE, timeout_s=3.0) as session:
            campaign = Campaign(SPACE, session, store, models, tmp_path / "journals", Progress())
            return campaign.run(Plan(archs(2), canary(SPACE), again=True))

    return run


def outcome(action: Callable[[], Any]) -> Any:
    """What came of it in time: a result, or the one error that is no defect."""
    found: list[Any] = []

    def act() -> None:
        try:
            found.append(action())
        except BaseException as problem:
            found.append(problem)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(IN_TIME_S)
    assert found, "it did not end"
    if isinstance(found[0], BaseException) and not isinstance(found[0], LatkitError):
        raise found[0]
    return found[0]


def require_message(problem: Any) -> None:
    assert isinstance(problem, LatkitError)
    assert 10 < len(problem.message) < 2000
    assert problem.exit_code in (1, 3, 4)


def require_honest(measurement: Measurement) -> None:
    """Its figure is what its own samples say, and no reference of a liar's is in it."""
    assert measurement.usable, measurement.verdict
    raw_ms = min(statistics.median(block.samples_ns) for block in measurement.blocks) / 1e6
    assert measurement.latency_ms is not None
    assert raw_ms / 3 < measurement.latency_ms < raw_ms * 3


def require_recovery(measure: Measure, device: dict[str, Any]) -> None:
    """Its lease is free, and what was said of it before is in no figure of an honest campaign."""
    result = outcome(lambda: measure(device))
    assert isinstance(result, CampaignResult), result
    for measurement in result.measurements:
        require_honest(measurement)


def require_untouched(device: dict[str, Any], folder: Path) -> None:
    """Its lease is free, and nothing was kept that could be in the figures of another campaign."""
    profile = create(device)
    with open_transport(profile) as transport, Lease(deploy(transport, profile)):
        pass
    with Store.open(f"sqlite:///{folder}/dataset.db") as store:
        assert not [one for one in store.find(Query()) if one.usable]
    assert not any((folder / "journals").glob("*.jsonl"))
