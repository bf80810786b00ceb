"""What is refused before any device is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from latkit import spaces
from latkit.errors import BundleError, UsageError
from latkit.lab import Lab
from latkit.lab.measure import draw, measure

NB201 = spaces.get("nb201").parse("|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|")
FBNET = spaces.get("fbnet").parse("_".join(["8"] * 22))


def test_one_campaign_is_of_one_space():
    with pytest.raises(UsageError, match="fbnet and nb201"):
        measure(Lab(), "local", networks=[NB201, FBNET])


@pytest.mark.parametrize("name", ["nb201", "fbnet"])
def test_a_draw_is_the_optimal_design_and_a_longer_one_extends_it(name: str):
    space = spaces.get(name)
    assert draw(space, 10, 3) == draw(space, 20, 3, "optimal")[:10]
    assert draw(space, 10, 3) != draw(space, 10, 4)


def test_a_space_without_a_bundle_is_drawn_from_at_random(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("latkit.predictor.bundle._shipped_folder", lambda space: Path("/absent"))
    space = spaces.get("nb201")
    assert draw(space, 10, 3) == draw(space, 10, 3, "random")
    with pytest.raises(BundleError, match="no pretrained predictor for nb201"):
        draw(space, 10, 3, "kmeans")
