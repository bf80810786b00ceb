from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.errors import ArchError, UsageError
from latkit.network import Zero
from latkit.spaces.nb201 import EDGES, NB201, OPERATIONS
from tests.conformance.space import SpaceConformance

SPACE = NB201()
BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
)


class TestNB201(SpaceConformance):
    space = SPACE
    other_skeleton = {"channels": 8}  # noqa: RUF012


def test_official_string():
    arch = SPACE.parse(BEST)
    assert arch.key == BEST
    assert SPACE.indices(arch).tolist() == [3, 3, 3, 1, 3, 3]


def test_counts_agree_with_the_published_ones():
    # NAS-Bench-201 gives 184.73 M multiply-accumulates and 1.289 M parameters for this cell.
    network = SPACE.network(SPACE.parse(BEST))
    assert network.params == 1_288_506
    assert network.flops == 2 * 184_730_240


def test_enumerates_every_cell_once():
    every = SPACE.enumerate_indices()
    assert every.shape == (SPACE.size, 6) == (15625, 6)
    assert len(np.unique(every, axis=0)) == SPACE.size
    texts = {arch.key for arch in SPACE.enumerate()}
    assert len(texts) == SPACE.size
    assert (SPACE.matrix(SPACE.enumerate()) == every).all()


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        (BEST.replace("|skip_connect~0", "|skip_conect~0"), ["'skip_conect'", "node 3"]),
        (BEST.replace("3~1|+", "3~2|+"), ["'nor_conv_3x3~2'", "node 2", "34", "3x3~1'"]),
        ("|none~0|+|none~0|none~1|", ["3 nodes", "found 2"]),
        ("|none~0|+|none~0|+|none~0|none~1|none~2|", ["node 2", "2 operations", "found 1"]),
        ("|none~0|+none~0|none~1|+|none~0|none~1|none~2|", ["node 2", "begin and end"]),
        ("|none~0|+|none~0|none|+|none~0|none~1|none~2|", ["'none'", "node 2", "none~1"]),
        ("|none~0|+||none~1|+|none~0|none~1|none~2|", ["''", "node 2", "character 11"]),
    ],
)
def test_bad_strings_name_token_and_position(text, fragments):
    with pytest.raises(ArchError) as caught:
        SPACE.parse(text)
    for fragment in fragments:
        assert fragment in caught.value.message


def test_position_is_that_of_the_token():
    with pytest.raises(ArchError) as caught:
        SPACE.parse(text := BEST.replace("|nor_conv_3x3~2", "|conv~2"))
    found = re.search(r"character (\d+)", caught.value.message)
    assert found
    assert text[int(found[1]) - 1 :].startswith("conv~2")


def test_near_miss_is_suggested():
    with pytest.raises(ArchError) as caught:
        SPACE.parse(BEST.replace("|skip_connect", "|skip_conect"))
    assert "skip_connect" in str(caught.value.hint)


def test_a_long_token_gives_a_short_message():
    with pytest.raises(ArchError) as caught:
        SPACE.parse(BEST.replace("skip_connect", "x" * 100_000))
    assert len(caught.value.message) < 300


tokens = st.sampled_from([*OPERATIONS, "|", "+", "~", "~0", "~1", "~2", "", " ", "conv"])


@given(st.one_of(st.text(), st.lists(tokens, max_size=40).map("".join)))
def test_any_text_is_an_arch_or_one_error(text):
    try:
        arch = SPACE.parse(text)
    except ArchError:
        return
    assert SPACE.parse(arch.key) == arch


@given(st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_any_indices_round_trip(indices):
    assert SPACE.indices(SPACE.from_indices(indices)).tolist() == indices


@pytest.mark.parametrize(
    ("prune", "from_input", "to_output"),
    [(SPACE.live, True, True), (SPACE.fed, True, False), (SPACE.used, False, True)],
)
def test_pruning_is_reachability(prune, from_input, to_output):
    every = SPACE.enumerate_indices()
    for present in itertools.product((0, 1), repeat=6):
        steps = np.eye(4, dtype=int)
        for (source, target), is_there in zip(EDGES, present, strict=True):
            steps[source, target] |= is_there
        reaches = np.linalg.matrix_power(steps, 3) > 0
        keep = [
            (reaches[0, source] or not from_input) and (reaches[target, 3] or not to_output)
            for source, target in EDGES
        ]
        rows = every[((every > 0) == present).all(axis=1)]
        assert (prune(rows) == rows * np.array(keep)).all()


def test_what_computes_nothing():
    cells = {
        "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|": True,  # no way to the output
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|": True,
        "|skip_connect~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|": True,
        "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|": False,
        "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|": False,
    }
    found = SPACE.degenerate(SPACE.matrix(SPACE.parse(cell) for cell in cells))
    assert found.tolist() == list(cells.values())


def test_live_can_be_traced():
    torch = pytest.importorskip("torch")
    every = torch.from_numpy(SPACE.enumerate_indices())

    class Live(torch.nn.Module):
        def forward(self, indices):
            return SPACE.live(indices)

    exported = torch.export.export(Live(), (every,)).module()
    assert (exported(every) == SPACE.live(every)).all()


def test_dead_operations_are_in_the_raw_network_alone():
    arch = SPACE.from_indices([3, 0, 0, 3, 0, 0])
    raw, pruned = SPACE.network(arch), SPACE.network(SPACE.canonical(arch))
    extra = {layer.name for layer in raw.layers} - {layer.name for layer in pruned.layers}
    parts = ("relu", "conv", "bn")
    assert extra == {
        f"stage{s}.cell{c}.op01.{p}" for s in range(3) for c in range(5) for p in parts
    }


def test_dead_operations_do_not_change_the_function():
    # With all shifts of batch norm zero, zeros stay zeros, and pruning must change nothing.
    torch = pytest.importorskip("torch")
    from latkit.formats import torch as build_torch

    images = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 8, 8), np.float32))
    small = NB201(channels=4, cells=1, resolution=8)
    archs = small.sample(np.random.default_rng(4), 60)
    for arch in (arch for arch in archs if small.canonical(arch) != arch):
        raw = build_torch.build(small.network(arch))
        state = raw.state_dict()
        for name in state:
            if name.endswith(("bn.bias", "bn.running_mean")):
                state[name].zero_()
        pruned = build_torch.build(small.network(small.canonical(arch)))
        pruned.load_state_dict({name: state[name] for name in pruned.state_dict()})
        torch.testing.assert_close(pruned(images), raw(images), rtol=1e-4, atol=1e-5)


def test_cells_of_one_structure_share_a_digest():
    direct, through_skip = [0, 0, 0, 3, 0, 0], [1, 0, 0, 0, 3, 0]
    networks = [SPACE.network(SPACE.from_indices(cell)) for cell in (direct, through_skip)]
    assert networks[0].digest() == networks[1].digest()


def test_a_node_with_no_input_is_zeros():
    network = NB201(cells=1).network(SPACE.from_indices([0, 0, 0, 0, 3, 0]))
    zeros = [layer for layer in network.layers if isinstance(layer, Zero)]
    assert [(z.name, z.shape) for z in zeros] == [
        ("stage0.cell0.node1", (16, 32, 32)),
        ("stage1.cell0.node1", (32, 16, 16)),
        ("stage2.cell0.node1", (64, 8, 8)),
    ]


def test_unread_zeros_are_not_made():
    network = SPACE.network(SPACE.from_indices([0, 0, 0, 3, 0, 0]))
    assert not any(isinstance(layer, Zero) for layer in network.layers)


def test_names():
    assert SPACE.name == "nb201"
    assert NB201(channels=8, cells=1, resolution=16).name == "nb201:c8-n1-r16"
    assert NB201(classes=120).name == "nb201:k120"


def test_resolution_must_survive_two_halvings():
    with pytest.raises(UsageError, match="multiple of 4"):
        NB201(resolution=30)


def test_encoding_is_the_line_graph_of_the_cell():
    graph = SPACE.encode(SPACE.parse(BEST))
    assert [SPACE.node_labels[i] for i in graph.operations][1:-1] == [
        "nor_conv_3x3",
        "nor_conv_3x3",
        "nor_conv_3x3",
        "skip_connect",
        "nor_conv_3x3",
        "nor_conv_3x3",
    ]
    edges = [tuple(edge) for edge in np.argwhere(graph.adjacency).tolist()]
    inner = [(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7)]
    assert edges == inner
