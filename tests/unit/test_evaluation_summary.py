import math

import pytest

from latkit.evaluation.summary import summarise
from latkit.evaluation.trial import Outcome, Trial
from latkit.metrics import Scores


def outcome(device, seed, spearman, method="bayes"):
    scores = Scores(spearman, 0.0, 0.1, 0.5, math.nan, math.nan, math.nan)
    return Outcome(Trial("ND", method, "random", device, 20, seed), scores, spearman, 0.1)


OUTCOMES = [
    outcome("a", 0, 0.8),
    outcome("b", 0, 1.0),
    outcome("a", 1, 0.6),
    outcome("b", 1, 0.8),
]


def test_targets_are_averaged_before_seeds():
    (row,) = summarise(OUTCOMES)
    assert row.seeds == 2
    assert row.figures["spearman"].mean == pytest.approx(0.8)
    assert row.figures["spearman"].sd == pytest.approx(0.2 / math.sqrt(2))
    assert math.isnan(row.figures["coverage"].mean)


def test_a_row_for_every_target():
    one, other = summarise(OUTCOMES, per_device=True)
    assert (one.key.device, other.key.device) == ("a", "b")
    assert other.figures["spearman"].mean == pytest.approx(0.9)


def test_one_seed_has_no_deviation():
    (row,) = summarise(OUTCOMES[:2])
    assert math.isnan(row.figures["spearman"].sd)


def test_methods_stay_apart():
    rows = summarise([*OUTCOMES, outcome("a", 0, 0.1, "flops")])
    assert [row.key.method for row in rows] == ["bayes", "flops"]
