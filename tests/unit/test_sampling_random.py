import numpy as np

from latkit import sampling, spaces
from tests.conformance.sampler import SamplerConformance


class TestRandom(SamplerConformance):
    name = "random"


def test_longer_draw_extends_a_shorter_one():
    space = spaces.get("nb201")
    short, long = (sampling.sample("random", space, n, np.random.default_rng(4)) for n in (10, 40))
    assert long[:10] == short


def test_every_operation_occurs_about_equally_often():
    space = spaces.get("fbnet")
    found = space.matrix(sampling.sample("random", space, 1000, np.random.default_rng(0)))
    shares = np.bincount(found.ravel(), minlength=9) / found.size
    assert np.abs(shares - 1 / 9).max() < 0.01
