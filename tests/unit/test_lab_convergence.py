"""Predictions are compared with those before; they have converged when nothing moves."""

import numpy as np
import pytest

from latkit.lab.convergence import Step, converged, step
from latkit.latencies import Latencies

MEAN = np.linspace(1.0, 5.0, 50)


def posterior(mean=MEAN, factor=1.2):
    return Latencies(mean, mean / factor, mean * factor)


def after(now, before=None, half_width=0.2):
    return step(8, now, (Step(5, half_width), before or posterior()))


def test_the_first_step_knows_only_its_width():
    first = step(5, posterior(factor=1.5), None)
    assert (first.networks, first.agreement, first.change) == (5, None, None)
    assert first.half_width == pytest.approx(0.5)
    assert not first.settled


def test_equal_predictions_are_settled():
    found = after(posterior())
    assert (found.agreement, found.change) == (pytest.approx(1), 0)
    assert found.shrinkage == pytest.approx(0)
    assert found.settled


@pytest.mark.parametrize(
    ("now", "half_width"),
    [
        pytest.param(posterior(MEAN[::-1]), 0.2, id="another order"),
        pytest.param(posterior(1.1 * MEAN), 0.2, id="other latencies"),
        pytest.param(posterior(), 0.3, id="narrower intervals"),
    ],
)
def test_what_still_moves_is_not_settled(now, half_width):
    assert not after(now, half_width=half_width).settled


def test_wider_intervals_do_not_keep_it_going():
    assert after(posterior(), half_width=0.1).settled


def test_one_settled_step_may_be_chance():
    calm, moving = after(posterior()), after(posterior(1.1 * MEAN))
    assert not converged([])
    assert not converged([moving, calm])
    assert not converged([calm, moving, calm])
    assert not converged([calm, calm]), "the first step has nothing to be compared with"
    assert converged([moving, calm, calm])


def test_narrow_intervals_are_enough_where_the_order_is_known():
    narrow = posterior(factor=1.03)
    assert not converged([step(5, narrow, None)]), "nothing is known of the order"
    assert converged([after(narrow)])
    assert not converged([after(Latencies(MEAN[::-1], MEAN[::-1] / 1.03, MEAN[::-1] * 1.03))])
