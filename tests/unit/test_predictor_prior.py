import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.predictor.prior import HYPOTHESES, LAUNCH_MS, Prior
from tests.unit.toy_bundle import COSTS, SOURCE_MS, toy_bundle

PRIOR = toy_bundle(2000).prior
SHARES = PRIOR.hypotheses.shares
COST_SHARES = SHARES[:, 1 : 1 + len(COSTS)]
SOURCE_SHARES = SHARES[:, 1 + len(COSTS) :]


def test_shares_are_a_split():
    assert (SHARES >= 0).all()
    np.testing.assert_allclose(SHARES.sum(axis=1), 1)


def test_a_device_as_fast_as_a_source_may_well_resemble_it():
    rests_on = SOURCE_SHARES > 0.5
    for source, median_ms in enumerate(SOURCE_MS):
        odds = PRIOR.log_odds(PRIOR.hypotheses, median_ms)
        like = odds[rests_on[:, source]].mean()
        others = np.delete(rests_on, source, axis=1).any(axis=1)
        assert like > odds[others].mean()


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_only_a_device_of_the_right_speed_waits_for_launches(factor):
    column = COSTS.index("launches")
    launches_alone = COST_SHARES[:, column] > 0.99
    flops_alone = COST_SHARES[:, COSTS.index("flops")] > 0.99
    usual_ms = np.mean(LAUNCH_MS) * PRIOR.cost_mean[column]
    usual, other = (PRIOR.log_odds(PRIOR.hypotheses, ms) for ms in (usual_ms, factor * usual_ms))
    np.testing.assert_allclose(usual[launches_alone], usual[flops_alone][0])
    assert (other[launches_alone] < other[flops_alone][0] - 3).all()


@given(st.floats(1e-6, 1e8))
def test_no_speed_is_impossible(median_ms):
    assert np.isfinite(PRIOR.log_odds(PRIOR.hypotheses, median_ms)).all()


def test_tensors_hold_everything():
    again = Prior.from_tensors(PRIOR.tensors(), PRIOR.cost_names, PRIOR.block_names)
    np.testing.assert_array_equal(
        again.log_odds(again.hypotheses, 7.0), PRIOR.log_odds(PRIOR.hypotheses, 7.0)
    )
    for name in HYPOTHESES:
        one, other = (getattr(x.hypotheses, name) for x in (again, PRIOR))
        np.testing.assert_array_equal(one, other)
