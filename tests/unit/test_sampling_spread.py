import numpy as np
import pytest

from latkit import sampling, spaces
from latkit.errors import BundleError
from latkit.sampling import spread
from latkit.sampling.encodings import costs, encoding_of, features_of, operations
from tests.conformance.sampler import SamplerConformance
from tests.unit.toy_bundle import CELLS, SPACE, toy_bundle


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


def test_encodings_have_a_row_each_and_are_centred():
    cells = CELLS[::500]
    for encode in (operations, costs, features_of(toy_bundle())):
        points = encode(SPACE, cells)
        assert len(points) == len(cells)
        assert np.isfinite(points).all()
        assert np.allclose(points.mean(axis=0), 0, atol=1e-9)


def test_unlike_architectures_lie_apart_in_every_encoding():
    cells = CELLS[[0, 1, len(CELLS) - 1]]
    for encode in (operations, costs, features_of(toy_bundle())):
        points = encode(SPACE, cells)
        near, far = (np.linalg.norm(points[0] - points[i]) for i in (1, 2))
        assert 0 <= near < far


def test_the_bundle_of_the_choice_is_the_one_that_is_asked(monkeypatch):
    from latkit.predictor.bundle import Bundle

    def none(space):
        raise BundleError(f"no bundle for {space}")

    monkeypatch.setattr(Bundle, "shipped", none)
    choice = sampling.Choice(SPACE, CELLS[::500], bundle=toy_bundle())
    assert len(sampling.choose("kmeans", choice, 5, np.random.default_rng(0))) == 5
    with pytest.raises(BundleError, match="no bundle for nb201"):
        encoding_of("features", sampling.Choice(spaces.get("nb201"), CELLS[::500]))
