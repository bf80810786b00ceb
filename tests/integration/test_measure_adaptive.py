"""An adaptive campaign on this computer, with the real runner and the shipped bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from latkit import spaces
from latkit.devices.profile import create
from latkit.formats.cache import ModelCache
from latkit.lab import adaptive
from latkit.measure.campaign import Campaign
from latkit.measure.plan import canary
from latkit.measure.session import Session
from latkit.store import Store
from tests.integration.campaign_process import RULE, SPACE, Log, url


def test_an_adaptive_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("latkit.measure.campaign.CANARY_RULE", RULE)
    profile = create({"name": "here", "transport": "local", "remote_dir": f"{tmp_path}/device"})
    shipped = spaces.get("nb201")
    archs = [SPACE.parse(arch.key) for arch in adaptive.draw(shipped, 8, seed=0)]
    with Store.open(url(tmp_path)) as store, Session(profile, rule=RULE, wait_s=60.0) as session:
        cache, journals = ModelCache(tmp_path / "models"), tmp_path / "journals"
        opened = Campaign(SPACE, session, store, cache, journals, Log(tmp_path / "log"))
        steps: list[object] = []
        predict, watch = adaptive.predictions(shipped), canary(SPACE)
        first, again = (
            adaptive.run(opened, archs, watch, 0, predict, steps.append) for _ in range(2)
        )
    assert [found.subject for found in first.campaign.measurements] == archs
    assert [step.networks for step in first.steps] == [5, 8]
    assert first.steps[1].half_width > 0
    assert again.campaign.known_before == 8
    assert again.steps == first.steps
