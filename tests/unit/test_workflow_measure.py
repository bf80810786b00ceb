"""What is refused before any device is touched."""

from __future__ import annotations

import pytest

from latkit import spaces
from latkit.errors import UsageError
from latkit.workflow.measure import measure
from tests.unit.test_measure_campaign import Watcher

NB201 = spaces.get("nb201").parse("|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|")
FBNET = spaces.get("fbnet").parse("_".join(["8"] * 22))


def test_one_campaign_is_of_one_space():
    with pytest.raises(UsageError, match="fbnet and nb201"):
        measure("local", Watcher(), archs=[NB201, FBNET])
