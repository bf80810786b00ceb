"""Drawing from a space: what computes nothing is left out."""

import numpy as np
import pytest

from latkit import sampling, spaces
from latkit.lab.validate import unseen
from latkit.predictor.bundle import Bundle
from latkit.sampling import SAMPLERS

NB201 = spaces.get("nb201")


def drawn(name, n, include_degenerate=False):
    rng, bundle = np.random.default_rng(0), Bundle.shipped("nb201")
    found = sampling.sample(
        name, NB201, n, rng, bundle=bundle, include_degenerate=include_degenerate
    )
    return NB201.degenerate(NB201.matrix(found))


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_no_sampler_chooses_a_network_that_computes_nothing(name):
    assert not drawn(name, 60).any()


def test_unless_it_is_told_to():
    assert drawn("random", 600, include_degenerate=True).any()


def test_no_predictor_is_judged_by_them():
    networks = unseen(NB201, set(), 400, seed=1)
    assert len(networks) == 400
    assert not NB201.degenerate(NB201.matrix(networks)).any()


def test_extremes_are_not_worth_their_measurement():
    rng, bundle = np.random.default_rng(0), Bundle.shipped("nb201")
    chosen = sampling.sample("optimal", NB201, 20, rng, bundle=bundle)
    pool = NB201.sample(np.random.default_rng(1), 2000)
    prior = bundle.prior

    def expected(subjects):
        design = prior.design(bundle.features(NB201.matrix(subjects)))
        return prior.hypotheses.mean(design).mean(axis=0)

    ratio = expected(chosen) / np.median(expected(pool))
    assert ((ratio > 0.35) & (ratio < 2.8)).all()
    assert np.ptp(ratio) > 0.8
