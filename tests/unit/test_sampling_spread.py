import numpy as np
import pytest

from latkit.sampling import Choice, choose, spread
from latkit.sampling.encodings import COSTS, FEATURES, OPERATIONS
from tests.conformance.sampler import SamplerConformance
from tests.unit import toy_space
from tests.unit.toy_bundle import CELLS, SPACE, toy_bundle

BUNDLE = toy_bundle()


class TestKMeans(SamplerConformance):
    name = "kmeans"


class TestCosine(SamplerConformance):
    name = "cosine"


class TestKMeansCosine(SamplerConformance):
    name = "kmeans-cosine"


class TestKMeansOfCosts(SamplerConformance):
    name = "kmeans:costs"


class TestCosineOfOperations(SamplerConformance):
    name = "cosine:operations"


def clusters(centres, rng):
    """20 points around each centre, one of which is the centre itself, the first."""
    return np.concatenate(
        [
            c + np.outer(np.arange(20) > 0, [1, 1]) * rng.normal(0, 0.01, (20, 2))
            for c in np.array(centres, dtype=float)
        ]
    )


def test_kmeans_picks_the_middle_of_every_cluster():
    points = clusters([(0, 0), (5, 0), (0, 5)], np.random.default_rng(0))
    rows = spread.central(points, 3, np.random.default_rng(0))
    assert sorted(rows // 20) == [0, 1, 2]
    middles = points.reshape(3, 20, 2).mean(axis=1)
    assert np.linalg.norm(points[rows] - middles[rows // 20], axis=1).max() < 0.01


def test_kmeans_cosine_knows_directions_and_not_lengths():
    angles = np.array([0.1, 2.0, 4.0])
    lengths = np.geomspace(1, 100, 20)
    points = np.concatenate([np.outer(lengths, [np.cos(a), np.sin(a)]) for a in angles])
    rows = spread.central_directions(points, 3, np.random.default_rng(1))
    assert len(set(rows // 20)) == 3


def test_cosine_picks_what_is_least_alike():
    points = np.array([[1, 0], [2, 0.1], [0, 3], [-1, 0], [-2, -0.1], [0, -5]], dtype=float)
    rows = spread.unlike(points, 4, np.random.default_rng(0))
    directions = points[rows] / np.linalg.norm(points[rows], axis=1, keepdims=True)
    assert (directions @ directions.T - np.eye(4)).max() < 0.2


def test_points_that_coincide_are_all_different_rows():
    points = np.zeros((6, 3))
    for pick in (spread.central, spread.unlike, spread.central_directions):
        assert sorted(pick(points, 6, np.random.default_rng(0))) == list(range(6))


@pytest.mark.parametrize("encoding", [OPERATIONS, COSTS, FEATURES])
def test_encodings_have_a_row_each_and_are_centred(encoding):
    cells = CELLS[::500]
    points = encoding.points(Choice(SPACE, cells, bundle=BUNDLE), cells)
    assert len(points) == len(cells)
    assert np.isfinite(points).all()
    assert np.allclose(points.mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("encoding", [OPERATIONS, COSTS, FEATURES])
def test_unlike_architectures_lie_apart_in_every_encoding(encoding):
    cells = CELLS[[0, 1, len(CELLS) - 1]]
    points = encoding.points(Choice(SPACE, cells, bundle=BUNDLE), cells)
    near, far = (np.linalg.norm(points[0] - points[i]) for i in (1, 2))
    assert 0 <= near < far


@pytest.mark.parametrize("sampler", ["random", "params", "kmeans:costs", "cosine:operations"])
def test_architectures_whose_edges_vary_are_drawn(sampler):
    space = toy_space.Wired()
    choice = Choice(space, space.matrix(space.sample(np.random.default_rng(0), 200)))
    rows = choose(sampler, choice, 20, np.random.default_rng(0))
    assert len(set(rows.tolist())) == 20


def test_costs_tell_apart_architectures_that_differ_in_edges_alone():
    rows = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 2]])
    points = COSTS.points(Choice(toy_space.Wired(), rows), rows)
    assert np.ptp(points, axis=0).max() > 0
