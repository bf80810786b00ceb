"""Adapting to a few of many measurements, and to no more than can be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from latkit import spaces
from latkit.cli import run
from latkit.condition import Condition, Runtime
from latkit.errors import MeasurementsUnusable, UnknownNameError, UsageError
from latkit.lab import Lab
from latkit.lab.few import MOST
from latkit.measurement import Measurement, Verdict

SPACE = spaces.get("nb201")
TABLE = Condition("board", Runtime("published", "unknown", "unknown"), threads=0, protocol=0)
ARCHS = SPACE.sample(np.random.default_rng(0), 60)


def store(lab, count):
    rows = [
        Measurement(arch, TABLE, Verdict("valid"), 1 + SPACE.network(arch).flops / 1e8)
        for arch in ARCHS[:count]
    ]
    with lab.store() as opened:
        opened.add_many(rows)


@pytest.fixture
def lab():
    return Lab()


def trained_on(lab):
    return lab.predictor("board").trained_on


@pytest.mark.parametrize("sampler", [None, "random", "optimal", "kmeans:costs"])
def test_a_table_stands_for_a_few_measurements(lab, sampler):
    store(lab, 60)
    (one,) = lab.adapt("board", n=10, sampler=sampler, seed=3)
    assert one.samples == 10
    assert f"adapted to 10 of 60 measurements, drawn by {sampler or 'random'}" in one.notes
    first = trained_on(lab)
    lab.adapt("board", n=10, sampler=sampler, seed=3)
    assert trained_on(lab) == first
    lab.adapt("board", n=10, sampler=sampler, seed=4)
    assert trained_on(lab) != first


def test_more_than_can_be_adapted_to_are_drawn_from(lab, monkeypatch):
    monkeypatch.setattr("latkit.lab.few.MOST", 40)
    store(lab, 60)
    (one,) = lab.adapt("board")
    assert one.samples == 40
    assert any("adapted to 40 of 60 measurements" in note for note in one.notes)


def test_mistakes(lab):
    store(lab, 5)
    with pytest.raises(MeasurementsUnusable, match="6 samples were asked for, there are 5 usable"):
        lab.adapt("board", n=6)
    with pytest.raises(UsageError, match=f"{MOST:,} measurements at most, not {MOST + 1:,}"):
        lab.adapt("board", n=MOST + 1)
    with pytest.raises(UnknownNameError, match="unknown sampler 'randm'"):
        lab.adapt("board", n=3, sampler="randm")


def test_on_the_command_line(lab, capsys):
    store(lab, 20)
    words = ["adapt", "--device", "board", "--n", "4", "--sampler", "params", "--seed", "1"]
    assert run([*words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["samples"], row["device"]) == (4, "board")


class TestUnknownNames:
    @pytest.fixture(autouse=True)
    def _stored(self, lab):
        store(lab, 5)
        other = replace(TABLE, board="other")
        with lab.store() as opened:
            opened.add(Measurement(ARCHS[0], other, Verdict("valid"), 1.0))

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--device", "bord"], "unknown device in the dataset 'bord'"),
            (["--space", "fbnet"], "unknown space in the dataset 'fbnet'"),
            (["--device", "board", "--space", "fbnet"], "unknown space of 'board'"),
            (["--space", "nb20"], "did you mean 'nb201'?"),
        ],
    )
    @pytest.mark.parametrize("command", ["list", "export", "verify"])
    def test_a_filter_that_leaves_nothing(self, capsys, tmp_path, command, words, message):
        file = [str(tmp_path / "out.csv")] if command == "export" else []
        assert run(["dataset", command, *file, *words]) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "out.csv").exists()

    def test_a_condition_that_nothing_was_measured_under(self, capsys):
        assert run(["dataset", "verify", "--runtime", "tflite"]) == 4
        assert "nothing in the dataset was measured with runtime tflite" in capsys.readouterr().err
