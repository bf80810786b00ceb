import numpy as np
import onnxruntime
import pytest

from latkit import spaces
from latkit.features.encoder import encoder
from latkit.predictor.trace import Graph
from tests.unit import toy_space


def encoded(name, n=200):
    space = spaces.get(name)
    rows = space.matrix(space.sample(np.random.default_rng(0), n))
    return encoder(space, rows, np.random.default_rng(1)), rows


@pytest.mark.parametrize("name", ["nb201", "fbnet", "wired", "alive"])
def test_traced_features_are_those_of_numpy(name):
    tables, rows = encoded(name)

    def features(operations):
        named = {"costs": tables.costs(operations), "joint": tables.joint(operations)}
        return named | tables.blocks(operations)

    graph = Graph()
    traced = features(graph.input("operations", np.int64, ["n", rows.shape[1]]))
    session = onnxruntime.InferenceSession(graph.model(traced).SerializeToString())
    found = dict(zip(traced, session.run(list(traced), {"operations": rows}), strict=True))
    for block, values in features(rows).items():
        np.testing.assert_allclose(found[block], values, rtol=1e-5, atol=1e-5, err_msg=block)


@pytest.mark.parametrize("space", [toy_space.Wired(), toy_space.Alive()])
def test_architectures_that_differ_in_edges_alone_have_features_of_their_own(space):
    tables, _ = encoded(space.name)
    rows = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 2]])
    assert len(np.unique(tables.joint(rows), axis=0)) == 3
    assert len(np.unique(tables.blocks(rows)["onehot"], axis=0)) == 3
    assert len(np.unique(tables.blocks(rows)["counts"], axis=0)) == 1
