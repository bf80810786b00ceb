from dataclasses import replace

import pytest

from latkit.evaluation.archive import Archive
from latkit.evaluation.engine import Suite, evaluate
from latkit.evaluation.methods import METHODS
from latkit.predictor.bundle import Bundle
from latkit.registry import Registry
from tests.unit.toy_bundle import toy_bundle
from tests.unit.toy_trials import Constant, Twin, toy_data

TOYS = {name: f"tests.unit.toy_trials:{name.title()}" for name in ("twin", "constant")}
SUITE = Suite([toy_data()], ["twin", "constant"], counts=(3, 10), seeds=2)


@pytest.fixture(autouse=True)
def _toy_methods(monkeypatch):
    monkeypatch.setattr("latkit.evaluation.engine.METHODS", Registry("method", TOYS))


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


class Log:
    """What progress was told."""

    def __init__(self):
        self.last = {}

    def __call__(self, stage, done, total):
        self.last[stage] = (done, total)


def test_all_trials_in_the_order_of_the_suite(archive):
    log = Log()
    found = evaluate(SUITE, archive, 1, log)
    assert [outcome.trial for outcome in found] == SUITE.trials(SUITE.data[0])
    assert log.last == {"pretraining": (2, 2), "trying": (4, 4)}


def test_what_is_known_is_not_tried_again(archive, monkeypatch):
    first = evaluate(SUITE, archive, 1, Log())
    monkeypatch.setattr(Twin, "load", None)
    log = Log()
    assert str(evaluate(SUITE, archive, 1, log)) == str(first)
    assert log.last == {}


def test_more_seeds_cost_only_themselves(archive):
    evaluate(SUITE, archive, 1, Log())
    log = Log()
    wider = Suite(SUITE.data, SUITE.methods, counts=SUITE.counts, seeds=3)
    assert len(evaluate(wider, archive, 1, log)) == 2 * 2 * 2 * 3
    assert "pretraining" not in log.last


def test_an_interrupted_run_keeps_what_it_knew(archive, monkeypatch):
    monkeypatch.setattr(Constant, "load", None)
    with pytest.raises(TypeError):
        evaluate(SUITE, archive, 1, Log())
    monkeypatch.undo()
    assert {trial.method for trial in archive.outcomes(SUITE.data[0])} == {"twin"}


def test_processes_find_the_same(archive, tmp_path, monkeypatch):
    monkeypatch.undo()
    suite = Suite([toy_data()], ["flops"], counts=(10,), seeds=2)
    alone = evaluate(suite, archive, 1, Log())
    together = evaluate(suite, Archive(tmp_path / "other"), 2, Log())
    assert [o.unseen.spearman for o in alone] == [o.unseen.spearman for o in together]


class Bundled:
    """Learns a bundle of the sources, and predicts with nothing."""

    def pretrain(self, sources, seed):
        bundle = toy_bundle()
        about = {**bundle.manifest, "devices": list(sources.devices)}
        return replace(bundle, manifest=about).files()


def test_a_sampler_that_looks_is_given_the_bundle_of_the_task(archive, monkeypatch):
    monkeypatch.setattr(Bundle, "shipped", None)
    own = {**TOYS, "bayes": f"{__name__}:Bundled"}
    monkeypatch.setattr("latkit.evaluation.engine.METHODS", Registry("method", own))
    suite = Suite(SUITE.data, ["twin"], samplers=("optimal", "random"), seeds=2)
    log = Log()
    assert len(evaluate(suite, archive, 1, log)) == 2 * 2 * 2
    assert log.last["pretraining"] == (2, 2)


def test_latkits_own_method_comes_first_and_all_can_be_had():
    assert METHODS.names()[0] == "bayes"
    for name in METHODS.names():
        assert callable(METHODS.get(name).pretrain)
