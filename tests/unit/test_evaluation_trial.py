from dataclasses import replace

import numpy as np
import pytest

from latkit.errors import MeasurementsUnusable, UsageError
from latkit.evaluation.trial import Trial, draw, run, trials
from latkit.predictor.bundle import Bundle
from latkit.sampling import SAMPLERS, looks_at_bundle
from tests.unit.toy_bundle import toy_bundle
from tests.unit.toy_trials import Constant, Twin, toy_data

LOOKING = [name for name in SAMPLERS.names() if looks_at_bundle(name)]
TRIAL = Trial("toy", "twin", "random", "target", 10, 0)


def test_all_methods_see_the_same_samples():
    data = toy_data()
    one, other = (draw(data, replace(TRIAL, method=name), None) for name in ("twin", "bayes"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("change", [{"seed": 1}, {"device": "twin2"}])
def test_every_seed_and_target_has_a_draw_of_its_own(change):
    data = toy_data()
    assert set(draw(data, TRIAL, None)) != set(draw(data, replace(TRIAL, **change), None))


def test_a_longer_draw_extends_a_shorter_one():
    data = toy_data()
    short, long = draw(data, TRIAL, None), draw(data, replace(TRIAL, n=20), None)
    assert set(short) < set(long)


def test_only_what_all_devices_have_is_sampled_and_scored():
    data = toy_data(unknown=range(250))
    assert set(draw(data, TRIAL, None)) <= set(range(250, 300))
    assert np.isfinite(run(data, TRIAL, Constant().load(data.sources, {}), None).unseen.median_ape)


def test_samples_are_not_scored():
    data = toy_data()
    latency_ms = data.target("target")
    seen = draw(data, TRIAL, None)
    latency_ms[np.setdiff1d(np.arange(300), seen)] = 1.0
    found = run(data, TRIAL, Constant().load(data.sources, {}), None)
    assert found.unseen.kendall == 0
    latency_ms[seen] *= 1e6
    again = run(data, TRIAL, Twin().load(data.sources, {}), None)
    assert again.unseen.median_ape < 1e5


def test_the_papers_protocol_scores_samples_too():
    data = toy_data()
    found = run(data, TRIAL, Twin().load(data.sources, {}), None)
    assert found.spearman_all != found.unseen.spearman
    assert found.spearman_all == pytest.approx(found.unseen.spearman, abs=0.02)


def test_samples_must_leave_something_to_predict():
    with pytest.raises(MeasurementsUnusable, match="leave none to predict"):
        draw(toy_data(unknown=range(280)), replace(TRIAL, n=20), None)


@pytest.mark.parametrize("sampler", LOOKING)
class TestWhoLooksAtABundle:
    def test_must_be_given_one(self, sampler):
        with pytest.raises(UsageError, match=f"'{sampler}' looks at a bundle"):
            draw(toy_data(), replace(TRIAL, sampler=sampler), None)

    def test_is_not_given_the_one_that_has_seen_the_targets(self, sampler):
        with pytest.raises(UsageError, match="not of the task toy: it knows 1080ti_1"):
            draw(toy_data(), replace(TRIAL, sampler=sampler), Bundle.shipped("nb201"))

    def test_is_not_given_one_that_knows_other_sources(self, sampler):
        with pytest.raises(UsageError, match="it knows too few"):
            draw(toy_data(), replace(TRIAL, sampler=sampler), bundle_of("twin", "slow"))

    def test_looks_at_that_of_the_task(self, sampler):
        trial = replace(TRIAL, sampler=sampler)
        assert len(draw(toy_data(), trial, bundle_of("twin", "slow", "odd"))) == trial.n


def bundle_of(*devices):
    """One that was learned from these."""
    bundle = toy_bundle()
    return replace(bundle, manifest={**bundle.manifest, "devices": list(devices)})


def test_trials_are_every_combination():
    found = list(trials(toy_data(), ["a", "b"], ["random"], [3, 20], seeds=5))
    assert len(found) == len(set(found)) == 2 * 2 * 2 * 5
    assert {trial.device for trial in found} == {"target", "twin2"}
