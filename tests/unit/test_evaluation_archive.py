from dataclasses import replace

import numpy as np

from latkit.evaluation.archive import Archive
from latkit.evaluation.trial import Outcome, TaskData, Trial
from latkit.metrics import Scores
from tests.unit.toy_trials import TASK, toy_data

DATA = toy_data()
SCORES = Scores(0.9, 0.8, 0.05, 0.7, np.nan, np.nan, np.nan)


def outcome(seed):
    return Outcome(Trial("toy", "twin", "random", "target", 10, seed), SCORES, 0.9, 0.1)


def test_outcomes_survive(tmp_path):
    Archive(tmp_path).keep_outcomes(DATA, [outcome(0), outcome(1)])
    found = Archive(tmp_path).outcomes(DATA)
    assert list(found) == [outcome(0).trial, outcome(1).trial]
    assert found[outcome(0).trial].unseen.spearman == 0.9
    assert np.isnan(found[outcome(0).trial].unseen.width)


def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path):
    archive = Archive(tmp_path)
    archive.keep_outcomes(DATA, [outcome(0), outcome(1)])
    (path,) = tmp_path.glob("*/*.jsonl")
    path.write_bytes(path.read_bytes()[:-30])
    archive.keep_outcomes(DATA, [outcome(2)])
    assert [trial.seed for trial in archive.outcomes(DATA)] == [0, 2]


def test_other_latencies_have_other_outcomes(tmp_path):
    archive = Archive(tmp_path)
    archive.keep_outcomes(DATA, [outcome(0)])
    other = TaskData(TASK, DATA.space, DATA.operations, DATA.latency_ms * 2)
    assert archive.outcomes(other) == {}


def test_tasks_of_the_same_sources_share_what_was_learned(tmp_path):
    archive = Archive(tmp_path)
    assert archive.files("twin", DATA) is None
    archive.keep_files("twin", DATA, {"weights": b"w", "manifest": b"m"})
    renamed = toy_data(replace(TASK, name="other"))
    assert archive.files("twin", renamed) == {"manifest": b"m", "weights": b"w"}
    assert archive.files("other", DATA) is None


def test_a_method_that_learned_nothing_is_known_to_have(tmp_path):
    archive = Archive(tmp_path)
    archive.keep_files("flops", DATA, {})
    assert archive.files("flops", DATA) == {}
