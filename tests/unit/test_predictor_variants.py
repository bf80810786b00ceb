"""Hypotheses of one variant of a network: raw, fed, used, alive."""

import numpy as np
import pytest

from latkit import spaces
from latkit.features.physical import PREFIXES, known_costs
from latkit.metrics import score
from latkit.predictor.adapt import adapt
from latkit.predictor.bundle import Bundle
from latkit.predictor.variants import Variants

NB201 = Bundle.shipped("nb201")
SPACE = spaces.get("nb201")


def stem(name):
    return next((name.removeprefix(one) for one in PREFIXES[1:] if name.startswith(one)), name)


def variants_held(names, values):
    """By row: of which variants it holds something that is there in all variants."""
    every = [name for name in names if all(prefix + stem(name) in names for prefix in PREFIXES)]
    kinds = np.array([name.removesuffix(stem(name)) for name in every])
    columns = [names.index(name) for name in every]
    return [set(kinds[row[columns] > 0]) for row in values]


def test_each_hypothesis_is_of_one_variant_and_as_large_as_before():
    prior = NB201.prior
    mixed = Variants.of(prior).mixed(prior.hypotheses, 1.0, np.random.default_rng(0))
    for name in ("shares", "variances"):
        before, after = getattr(prior.hypotheses, name), getattr(mixed, name)
        np.testing.assert_allclose(after.sum(axis=1), before.sum(axis=1))
        assert (after >= 0).all()
    costs = mixed.shares[:, 1 : 1 + len(prior.cost_names)]
    blocks = mixed.variances[:, -len(prior.block_names) :]
    for names, values in ((prior.cost_names, costs), (prior.block_names, blocks)):
        held = variants_held(names, values)
        assert max(map(len, held)) == 1
        assert set().union(*held) == set(PREFIXES)


def test_only_so_large_a_share_is_touched():
    prior = NB201.prior
    mixed = Variants.of(prior).mixed(prior.hypotheses, 0.25, np.random.default_rng(0))
    touched = (mixed.variances != prior.hypotheses.variances).any(axis=1).mean()
    assert 0.2 < touched < 0.3


def test_a_space_without_dead_operations_has_no_variants():
    prior = Bundle.shipped("fbnet").prior
    variants = Variants.of(prior)
    assert len(variants) == 0
    assert variants.mixed(prior.hypotheses, 1.0, np.random.default_rng(0)) is prior.hypotheses


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_a_runtime_leaves_out_is_found(prefix):
    cells = SPACE.enumerate_indices()
    physical = known_costs(SPACE)
    totals = physical.totals(cells)
    flops, launches = (totals[:, physical.names.index(prefix + x)] for x in ("flops", "launches"))
    latency_ms = 1 + flops / 5e7 + launches / 50
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = rng.choice(len(cells), 20, replace=False)
        measured_ms = latency_ms[rows] * np.exp(0.01 * rng.standard_normal(len(rows)))
        found.append(score(adapt(NB201, cells[rows], measured_ms).predict(cells), latency_ms))
    assert np.mean([each.spearman for each in found]) > 0.999
    assert np.mean([each.interval_score for each in found]) < 0.12
