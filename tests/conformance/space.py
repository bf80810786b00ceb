"""What every architecture space must do. Subclass it in the space's own test module."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime
import pytest

from latkit import spaces
from latkit.errors import ArchError, UnknownNameError, UsageError
from latkit.network import STATISTICS, Network
from latkit.predictor.trace import Graph
from latkit.subjects import ModelFile, Recipe, Subject


class SpaceConformance:
    """Set ``space`` and a skeleton option with another legal value."""

    space: ClassVar[spaces.Space]
    other_skeleton: ClassVar[dict[str, int]]

    @pytest.fixture
    def archs(self) -> list[Subject]:
        return self.space.sample(np.random.default_rng(0), 50)

    def test_is_registered(self):
        assert type(spaces.get(self.space.family)) is type(self.space)
        assert self.space.name == self.space.family

    def test_text_round_trips(self, archs):
        for arch in archs:
            assert self.space.parse(arch.key) == arch
            assert self.space.parse(f"  {arch.key}\n") == arch

    def test_indices_round_trip(self, archs):
        for arch in archs:
            indices = self.space.indices(arch)
            assert indices.shape == (self.space.positions,)
            assert indices.dtype == np.int64
            assert self.space.from_indices(indices) == arch

    def test_arch_file_round_trips(self, archs):
        others = self.space.with_skeleton(**self.other_skeleton).sample(np.random.default_rng(1), 3)
        mixed = [*archs, *others]
        lines = "\n".join(json.dumps({"space": a.collection, "arch": a.key}) for a in mixed)
        assert spaces.read_archs(lines, "here") == mixed

    def test_what_is_degenerate_is_told_without_a_network(self, archs):
        matrix = self.space.matrix(archs)
        found = self.space.degenerate(matrix)
        assert found.shape == (len(archs),)
        assert found.dtype == bool
        idle = [self.space.operations.index(name) for name in self.space.idle]
        for operation in idle:
            rows = np.full((1, self.space.positions), operation)
            assert self.space.degenerate(rows).all()
        assert not found.all()

    @pytest.mark.parametrize("bad", [-1, 10**6])
    def test_index_out_of_range(self, bad):
        indices = [0] * self.space.positions
        indices[3] = bad
        with pytest.raises(ArchError, match=str(bad)):
            self.space.from_indices(indices)

    def test_wrong_number_of_indices(self):
        with pytest.raises(ArchError, match=f"{self.space.positions} positions"):
            self.space.from_indices([0] * (self.space.positions + 1))

    @pytest.mark.parametrize("text", ["", " ", "|", "+", "nonsense", "-1", "_", ","])
    def test_rubbish_is_refused(self, text):
        with pytest.raises(ArchError) as caught:
            self.space.parse(text)
        assert caught.value.hint

    def test_longer_sample_extends_a_shorter_one(self, archs):
        assert self.space.sample(np.random.default_rng(0), 20) == archs[:20]
        assert len(set(archs)) == len(archs)

    def test_neighbours_differ_in_one_position(self, archs):
        neighbours = self.space.neighbours(archs[0])
        assert len(set(neighbours)) == self.space.positions * (len(self.space.operations) - 1)
        differences = self.space.matrix(neighbours) != self.space.indices(archs[0])
        assert (differences.sum(axis=1) == 1).all()

    def test_canonical_is_what_lives(self, archs):
        live = self.space.live(self.space.matrix(archs))
        for arch, row in zip(archs, live, strict=True):
            canonical = self.space.canonical(arch)
            assert (self.space.indices(canonical) == row).all()
            assert self.space.canonical(canonical) == canonical

    def test_what_lives_is_fed_and_used(self, archs):
        matrix = self.space.matrix(archs)
        fed, used, live = (
            prune(matrix) for prune in (self.space.fed, self.space.used, self.space.live)
        )
        for pruned in (fed, used):
            assert (self.space.live(pruned) == live).all()
            assert ((pruned == matrix) | (pruned == 0)).all()
        assert (live == np.where(fed == used, fed, 0)).all()

    @pytest.mark.parametrize("prune", ["live", "fed", "used"])
    def test_pruning_takes_tensors(self, archs, prune):
        torch = pytest.importorskip("torch")
        matrix = self.space.matrix(archs)
        pruned = getattr(self.space, prune)(torch.from_numpy(matrix))
        assert pruned.dtype == torch.int64
        assert (pruned.numpy() == getattr(self.space, prune)(matrix)).all()

    def test_graph_leads_from_input_to_output(self, archs):
        for arch in archs:
            graph = self.space.encode(arch)
            nodes = len(self.space.nodes) + 2
            assert graph.adjacency.shape == (nodes, nodes)
            assert (np.tril(graph.adjacency) == 0).all()
            labels = [self.space.node_labels[label] for label in graph.operations]
            assert (labels[0], labels[-1]) == ("input", "output")
            held = self.space.indices(arch)[list(self.space.nodes)]
            assert labels[1:-1] == [self.space.operations[index] for index in held]
            assert graph.adjacency[:, 1:].any(axis=0).all()
            assert graph.adjacency[:-1].any(axis=1).all()

    def test_edges_of_many_are_those_of_each(self, archs):
        matrix = self.space.matrix(archs)
        edges = self.space.adjacency(matrix)
        assert edges.dtype == bool
        assert len(edges) in (1, len(archs))
        for arch, own in zip(archs, np.broadcast_to(edges, (50, *edges.shape[1:])), strict=True):
            assert (self.space.encode(arch).adjacency == own).all()

    def test_edges_take_tensors(self, archs):
        torch = pytest.importorskip("torch")
        matrix = self.space.matrix(archs)
        edges = self.space.adjacency(torch.from_numpy(matrix))
        assert (np.asarray(edges) == self.space.adjacency(matrix)).all()

    @pytest.mark.parametrize("method", ["live", "fed", "labels", "adjacency"])
    def test_what_predictors_read_can_be_traced(self, archs, method):
        matrix = self.space.matrix(archs)

        def function(indices):
            found = getattr(self.space, method)(indices)
            flat = found.reshape(-1, int(np.prod(getattr(self.space, method)(matrix).shape[1:])))
            return flat.astype(np.int64) + indices[:, [0]]

        graph = Graph()
        model = graph.model(
            {"y": function(graph.input("x", np.int64, ["n", self.space.positions]))}
        )
        session = onnxruntime.InferenceSession(model.SerializeToString())
        assert (session.run(["y"], {"x": matrix})[0] == function(matrix)).all()

    def test_costs_agree_with_torch(self, archs):
        pytest.importorskip("torch")
        for arch in archs:
            network = self.space.network(arch)
            flops, params, stored = _torch_costs(network)
            assert network.flops == flops
            assert network.params == params
            assert sum(cost.weight_bytes for cost in network.costs()) == stored

    def test_costs_count_every_tensor(self, archs):
        network = self.space.network(archs[0])
        for layer, cost in zip(network.layers, network.costs(), strict=True):
            assert cost.name == layer.name
            assert cost.activation_bytes == 4 * prod(network.shapes[layer.name])
            read = [prod(network.shapes[name]) for name in layer.inputs]
            assert cost.input_bytes == 4 * sum(read)
            sizes = {name: prod(shape) for name, shape in layer.weights().items()}
            assert cost.weight_bytes == 4 * sum(sizes.values())
            statistics = sum(sizes.get(name, 0) for name in STATISTICS)
            assert cost.params == sum(sizes.values()) - statistics

    def test_its_file_is_that_of_the_network(self, archs):
        asked = []

        class Maker:
            def get(self, network: Network, recipe: Recipe) -> ModelFile:
                asked.append((network.digest(), recipe))
                return ModelFile(Path("made"), "0" * 64, recipe.format)

        recipe = Recipe("tflite", 4, "int8")
        assert self.space.model(archs[0], recipe, Maker()).path == Path("made")
        assert asked == [(self.space.network(archs[0]).digest(), recipe)]

    def test_another_skeleton_makes_other_networks(self, archs):
        other = self.space.with_skeleton(**self.other_skeleton)
        assert self.space.network(archs[0]).digest() != other.network(archs[0]).digest()

    def test_another_skeleton_is_another_collection(self, archs):
        other = self.space.with_skeleton(**self.other_skeleton)
        assert other.name != self.space.name
        made = [other.parse(archs[0].key), other.from_indices(self.space.indices(archs[0]))]
        made += [*other.sample(np.random.default_rng(0), 3), *other.neighbours(made[0])[:3]]
        made.append(other.canonical(made[0]))
        assert {subject.collection for subject in made} == {other.name}
        assert {arch.collection for arch in archs} == {self.space.name}
        assert made[0].key == archs[0].key

    def test_its_name_tells_the_skeleton(self):
        for skeleton in (self.other_skeleton, {"classes": 7}, self.space.skeleton):
            other = self.space.with_skeleton(**skeleton)
            found = spaces.get(other.name)
            assert type(found) is type(self.space)
            assert (found.name, found.skeleton) == (other.name, other.skeleton)

    def test_classes_change_the_output(self, archs):
        network = self.space.with_skeleton(classes=7).network(archs[0])
        assert network.shapes[network.output] == (7,)

    def test_unknown_skeleton_option(self):
        with pytest.raises(UnknownNameError, match="clases") as caught:
            self.space.with_skeleton(clases=10)
        assert "classes" in str(caught.value.hint)

    @pytest.mark.parametrize("value", [0, -3, 2.5, True])
    def test_bad_skeleton_value(self, value):
        with pytest.raises(UsageError, match="classes"):
            self.space.with_skeleton(classes=value)


def _torch_costs(network: Network) -> tuple[int, int, int]:
    """FLOPs, trainable parameters, and bytes of all stored floats, all as PyTorch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from latkit.formats import torch as build_torch

    module = build_torch.build(network)
    images = torch.zeros((1, *network.input_shape))
    with FlopCounterMode(display=False) as counter:
        module(images)
    params = sum(tensor.numel() for tensor in module.parameters())
    floats = [t for t in module.state_dict().values() if t.is_floating_point()]
    return counter.get_total_flops(), params, 4 * sum(tensor.numel() for tensor in floats)
