"""What adapting says of itself: how far predictions will be off, and which samples are doubtful."""

from __future__ import annotations

import json

import numpy as np
import pytest

from latkit import spaces
from latkit.cli import run
from latkit.condition import Condition, Runtime
from latkit.lab import Lab
from latkit.measurement import Measurement, Verdict

SPACE = spaces.get("nb201")
BOARD = Condition("board", Runtime("onnxruntime", "1.20", "CPUExecutionProvider"))
ARCHS = SPACE.sample(np.random.default_rng(0), 30)


def store(lab, verdicts, noise):
    rows = [
        Measurement(
            arch, BOARD, Verdict(level, reasons), 1 + SPACE.network(arch).flops / 1e8, noise=own
        )
        for arch, (level, reasons), own in zip(ARCHS, verdicts, noise, strict=False)
    ]
    with lab.store() as opened:
        opened.add_many(rows)


VALID, SUSPECT = ("valid", ()), ("suspect", ("the device was busy",))


def test_the_command_ends_with_what_to_expect(capsys):
    store(Lab(), [VALID] * 20, [0.01] * 20)
    assert run(["adapt", "--device", "board"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "networks not measured: " in told
    assert "% median error, 90 % within " in told
    assert "judged by leaving out each of the 20" in told


def test_json_has_it_as_numbers(capsys):
    store(Lab(), [VALID] * 20, [0.01] * 20)
    assert run(["adapt", "--device", "board", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert 0 < row["expected_median_error"] < row["expected_within"] < 0.2


@pytest.mark.parametrize(("suspect", "said"), [(5, False), (6, True)])
def test_samples_that_are_mostly_suspect_are_said_and_the_worst_is_named(suspect, said):
    verdicts = [SUSPECT] * suspect + [VALID] * (10 - suspect)
    store(Lab(), verdicts, [0.02, 0.77, *[0.02] * 8])
    (one,) = Lab().adapt("board")
    words = f"6 of 10 measurements are suspect; least certain is {ARCHS[1].key} (±77%)"
    assert (words in one.notes) == said
    assert said or not any("suspect" in note for note in one.notes)


def test_a_sample_known_to_a_percent_is_not_one_known_to_half():
    """One sample is off threefold and says so: the predictor is hardly moved."""
    store(Lab(), [VALID] * 12, [0.005] * 12)
    Lab().adapt("board")
    before = Lab().predictor("board").predict(ARCHS[12:]).mean_ms
    wrong = Measurement(ARCHS[13], BOARD, Verdict(*SUSPECT), 30.0, noise=1.0)
    with Lab().store() as opened:
        opened.add_many([wrong])
    Lab().adapt("board")
    after = Lab().predictor("board").predict(ARCHS[14:]).mean_ms
    np.testing.assert_allclose(after, before[2:], rtol=0.05)
