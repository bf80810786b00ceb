"""What every architecture space must do. Subclass it in the space's own test module."""

from __future__ import annotations

import json
from math import prod
from typing import ClassVar

import numpy as np
import pytest

from latkit import spaces
from latkit.errors import ArchError, UnknownNameError, UsageError
from latkit.measurement import Arch
from latkit.network import STATISTICS, Network


class SpaceConformance:
    """Set ``space`` and a skeleton option with another legal value."""

    space: ClassVar[spaces.Space]
    other_skeleton: ClassVar[dict[str, int]]

    @pytest.fixture
    def archs(self) -> list[Arch]:
        return self.space.sample(np.random.default_rng(0), 50)

    def test_is_registered(self):
        assert type(spaces.get(self.space.name)) is type(self.space)

    def test_text_round_trips(self, archs):
        for arch in archs:
            assert self.space.parse(arch.text) == arch
            assert self.space.parse(f"  {arch.text}\n") == arch

    def test_indices_round_trip(self, archs):
        for arch in archs:
            indices = self.space.indices(arch)
            assert indices.shape == (self.space.positions,)
            assert indices.dtype == np.int64
            assert self.space.from_indices(indices) == arch

    def test_arch_file_round_trips(self, archs):
        lines = "\n".join(json.dumps({"space": a.space, "arch": a.text}) for a in archs)
        assert spaces.read_archs(lines, "here") == archs

    @pytest.mark.parametrize("bad", [-1, 10**6])
    def test_index_out_of_range(self, bad):
        indices = [0] * self.space.positions
        indices[3] = bad
        with pytest.raises(ArchError, match=str(bad)):
            self.space.from_indices(indices)

    def test_wrong_number_of_indices(self):
        with pytest.raises(ArchError, match=f"{self.space.positions} positions"):
            self.space.from_indices([0] * (self.space.positions + 1))

    @pytest.mark.parametrize("text", ["", " ", "|", "+", "nonsense", "0", "_", ","])
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

    def test_what_lives_is_fed(self, archs):
        matrix = self.space.matrix(archs)
        fed, live = self.space.fed(matrix), self.space.live(matrix)
        assert (self.space.live(fed) == live).all()
        assert ((live == fed) | (live == 0)).all()
        assert ((fed == matrix) | (fed == 0)).all()

    @pytest.mark.parametrize("prune", ["live", "fed"])
    def test_pruning_takes_tensors(self, archs, prune):
        torch = pytest.importorskip("torch")
        matrix = self.space.matrix(archs)
        pruned = getattr(self.space, prune)(torch.from_numpy(matrix))
        assert pruned.dtype == torch.int64
        assert (pruned.numpy() == getattr(self.space, prune)(matrix)).all()

    def test_graph_leads_from_input_to_output(self, archs):
        for arch in archs:
            graph = self.space.encode(arch)
            nodes = len(graph.operations)
            assert graph.adjacency.shape == (nodes, nodes)
            assert (np.tril(graph.adjacency) == 0).all()
            labels = [self.space.node_labels[label] for label in graph.operations]
            assert (labels[0], labels[-1]) == ("input", "output")
            assert [x for x in labels if x in self.space.operations] == labels[1:-1]
            assert graph.adjacency[:, 1:].any(axis=0).all()
            assert graph.adjacency[:-1].any(axis=1).all()

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

    def test_skeleton_changes_network_and_name(self, archs):
        default = self.space.network(archs[0])
        other = self.space.network(archs[0], **self.other_skeleton)
        assert default.digest() != other.digest()
        assert self.space.skeleton_id() != self.space.skeleton_id(**self.other_skeleton)

    def test_classes_change_the_output(self, archs):
        network = self.space.network(archs[0], classes=7)
        assert network.shapes[network.output] == (7,)
        assert self.space.skeleton_id(classes=7) != self.space.skeleton_id()

    def test_unknown_skeleton_option(self, archs):
        with pytest.raises(UnknownNameError, match="clases") as caught:
            self.space.network(archs[0], clases=10)
        assert "classes" in str(caught.value.hint)

    @pytest.mark.parametrize("value", [0, -3, 2.5, True])
    def test_bad_skeleton_value(self, archs, value):
        with pytest.raises(UsageError, match="classes"):
            self.space.skeleton_id(classes=value)


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
