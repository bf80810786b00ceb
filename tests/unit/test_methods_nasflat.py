"""NASFLAT as a method, published and mended: conformance, graphs, examples, milliseconds."""

import numpy as np
import pytest

pytest.importorskip("torch")

from latkit import spaces
from latkit.errors import BundleError
from latkit.evaluation.method import Samples, Sources
from latkit.evaluation.methods.measured import Measured
from latkit.evaluation.methods.nasflat import Nasflat, Settings
from latkit.evaluation.nasflat import examples
from latkit.evaluation.nasflat.calibration import fit_line
from latkit.evaluation.nasflat.graphs import mended, published
from latkit.evaluation.nasflat.supplement import supplement
from tests.conformance.method import MethodConformance
from tests.unit import toy_space
from tests.unit.toy_task import ROWS, SPACE, latencies, toy_sources

TINY = Settings(archs=200, epochs=8, tuning_epochs=10, tuning_rate=3e-3)


class TestPublished(MethodConformance):
    def method(self):
        return Nasflat(settings=TINY)

    def test_every_target_starts_from_the_pretrained_weights(self, files):
        drawn = np.arange(20)
        targets = [Samples(ROWS[drawn], latencies(name)[drawn]) for name in ("target", "odd")]
        adapter = self.method().load(toy_sources(), files)
        first, _, again = (
            adapter(targets[each], np.random.default_rng(0)).predict(ROWS).mean_ms
            for each in (0, 1, 0)
        )
        np.testing.assert_array_equal(first, again)

    def test_weights_of_other_sources_are_refused(self, files):
        sources = toy_sources()
        fewer = Sources(SPACE, ROWS, sources.latency_ms[:, :2], sources.devices[:2])
        with pytest.raises(BundleError, match="2 sources"):
            self.method().load(fewer, files)


class TestMended(MethodConformance):
    def method(self):
        return Nasflat(mended=True, settings=TINY)


def edges(operations):
    """Edges of the graph of one cell, from 0 (input) over 1-6 (operations) to 7 (output)."""
    inflow = published(SPACE, np.array([operations])).inflow[0]
    return {(int(source), int(node)) for node, source in np.argwhere(inflow)}


class TestGraphs:
    NONE, SKIP, CONV = 0, 1, 3

    def test_a_cell_without_dead_operations_is_whole(self):
        whole = {(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7)}
        assert edges([self.CONV] * 6) == whole

    def test_a_skip_connection_becomes_an_edge(self):
        direct = [self.NONE, self.NONE, self.NONE, self.SKIP, self.NONE, self.NONE]
        assert edges(direct) == {(0, 7)}

    def test_what_reaches_no_output_is_pruned(self):
        dead_end = [self.CONV, self.NONE, self.NONE, self.CONV, self.NONE, self.CONV]
        assert edges(dead_end) == {(0, 4), (4, 7)}

    def test_a_chain_as_published_is_nodes_apart_that_lose_two_blocks(self):
        rows = np.arange(22)[None] % 9
        graphs = published(spaces.get("fbnet"), rows)
        np.testing.assert_array_equal(graphs.inflow[0], np.eye(22))
        np.testing.assert_array_equal(graphs.labels[0, 1:-1], rows[0, 1:-1] + 1)
        assert graphs.labels[0, 0] == 0
        assert graphs.labels[0, -1] == 10

    def test_a_chain_mended_is_a_chain_of_all_blocks(self):
        rows = np.arange(22)[None] % 9
        graphs = mended(spaces.get("fbnet"), rows)
        np.testing.assert_array_equal(graphs.inflow[0], np.eye(24, k=-1))
        np.testing.assert_array_equal(graphs.labels[0], [0, *(rows[0] + 1), 10])

    @pytest.mark.parametrize("encode", [published, mended])
    def test_every_architecture_has_its_own_edges(self, encode):
        space = toy_space.Wired()
        rows = space.matrix(space.sample(np.random.default_rng(0), 50))
        graphs = encode(space, rows)
        for row, labels, inflow in zip(rows, graphs.labels, graphs.inflow, strict=True):
            graph = space.encode(space.from_indices(row))
            np.testing.assert_array_equal(labels, graph.operations)
            np.testing.assert_array_equal(inflow, graph.adjacency.T)


class TestSupplement:
    SPACE = spaces.get("fbnet")

    def test_costs_of_fbnet_are_within_the_unit_interval_and_grow_with_blocks(self):
        small, large = np.full((1, 22), 8), np.full((1, 22), 7)
        typical = self.SPACE.matrix(self.SPACE.sample(np.random.default_rng(1), 50))
        found = supplement(self.SPACE, typical)
        assert found.shape == (50, 2)
        assert found.min() > -0.5
        assert found.max() < 1.5
        assert (supplement(self.SPACE, small) < supplement(self.SPACE, large)).all()

    def test_nothing_is_supplemented_of_nb201(self):
        assert supplement(SPACE, ROWS).shape == (len(ROWS), 0)

    @pytest.mark.parametrize("mended", [False, True])
    def test_a_network_of_fbnet_learns_and_predicts(self, mended):
        rows = self.SPACE.matrix(self.SPACE.sample(np.random.default_rng(0), 60))
        latency_ms = 1 + supplement(self.SPACE, rows).astype(float) + 0.1 * (rows[:, :1] == 7)
        sources = Sources(self.SPACE, rows, np.exp(latency_ms), ("one", "other"))
        tiny = Nasflat(mended=mended, settings=Settings(60, 3, 3, 1e-3))
        adapter = tiny.load(sources, tiny.pretrain(sources, 0))
        samples = Samples(rows[:5], np.exp(latency_ms[:5, 0]))
        found = adapter(samples, np.random.default_rng(0)).predict(rows).mean_ms
        assert np.isfinite(found).all()
        assert len(np.unique(found)) > 50


def test_a_network_learns_where_only_edges_differ():
    space = toy_space.Alive()
    rows = np.array([[0, 1, 2, second, third] for second in range(3) for third in range(3)])
    latency_ms = 1.0 + rows[:, 3:]
    sources = Sources(space, rows, latency_ms, ("one", "other"))
    tiny = Nasflat(settings=Settings(9, 3, 60, 3e-3))
    adapter = tiny.load(sources, tiny.pretrain(sources, 0))
    found = adapter(Samples(rows, latency_ms[:, 0]), np.random.default_rng(0)).predict(rows).mean_ms
    assert len(np.unique(found)) == 9
    assert np.corrcoef(found, latency_ms[:, 0])[0, 1] > 0.8


class TestExamples:
    def test_every_device_is_scaled_and_gives_as_many_as_it_has(self):
        latency_ms = np.array([[2.0, np.nan], [4.0, 30.0], [3.0, 10.0]])
        found = examples.draw(latency_ms, 10, np.random.default_rng(0))
        given = set(zip(found.rows, found.devices, found.latencies, strict=True))
        assert given == {(0, 0, 0.0), (1, 0, 1.0), (2, 0, 0.5), (1, 1, 1.0), (2, 1, 0.0)}

    def test_no_more_than_asked_for_are_drawn_of_a_device(self):
        found = examples.draw(toy_sources().latency_ms, 50, np.random.default_rng(0))
        np.testing.assert_array_equal(np.bincount(found.devices), [50, 50, 50])

    def test_the_source_that_ranks_alike_is_found(self):
        source_ms = np.array([[1.0, 9.0, 5.0], [2.0, 8.0, np.nan], [3.0, 7.0, 6.0]])
        assert examples.most_alike(source_ms, np.array([3.0, 2.0, 1.0])) == 1
        assert examples.most_alike(source_ms, np.array([1.0, 2.0, 3.0])) == 0

    def test_a_source_that_never_varies_or_shares_too_little_is_alike_to_nothing(self):
        source_ms = np.array([[5.0, np.nan, 3.0], [5.0, 1.0, 2.5], [5.0, 2.0, 2.7]])
        assert examples.most_alike(source_ms, np.array([1.0, 2.0, 3.0])) == 2

    def test_architectures_that_no_source_has_are_unknown(self):
        rows = np.array([[1, 2], [3, 4]])
        measured = Measured.of(Sources(SPACE, rows, np.eye(2), ("a", "b")))
        found = measured.known(np.array([[3, 4], [9, 9]]))
        np.testing.assert_array_equal(found, [[0, 1], [np.nan, np.nan]])


class TestLine:
    def test_it_goes_through_samples_on_a_line(self):
        scores = np.array([0.0, 1.0, 3.0])
        line = fit_line(scores, np.exp(1 + 2 * scores))
        np.testing.assert_allclose(line(np.array([2.0])), np.exp(5.0))

    def test_through_one_sample_it_is_nearly_level(self):
        line = fit_line(np.array([0.2]), np.array([3.0]))
        np.testing.assert_allclose(line(np.array([0.0, 0.2, 1.0])), 3.0, rtol=0.01)

    def test_a_broken_value_does_not_steer_it(self):
        scores = np.linspace(0, 1, 20)
        latency_ms = np.exp(1 + 2 * scores + 0.01 * np.cos(7 * np.arange(20)))
        latency_ms[3] = 1e-3
        line = fit_line(scores, latency_ms)
        np.testing.assert_allclose(line(np.array([0.5])), np.exp(2.0), rtol=0.03)

    @pytest.mark.parametrize("latency_ms", [[3.0, 2.0, 1.0], [2.0, 2.0, 2.0]])
    def test_it_rises_whatever_the_samples(self, latency_ms):
        line = fit_line(np.array([0.0, 1.0, 2.0]), np.array(latency_ms))
        assert line(np.array([1.0]))[0] > line(np.array([0.0]))[0]
