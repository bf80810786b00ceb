from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.errors import ArchError, UsageError
from latkit.spaces.fbnet import OPERATIONS, FBNet
from tests import needs
from tests.conformance.space import SpaceConformance

SPACE = FBNet()
INDICES = [layer % 9 for layer in range(22)]
TEXT = "_".join(map(str, INDICES))


class TestFBNet(SpaceConformance):
    space = SPACE
    other_skeleton = {"resolution": 224}  # noqa: RUF012


@pytest.mark.parametrize("separator", [",", ", ", " ", "\t", "\n"])
def test_names_are_read_too(separator):
    names = separator.join(OPERATIONS[index] for index in INDICES)
    assert SPACE.parse(names).key == TEXT


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("0_" * 20 + "9_0", ["'9'", "layer 21"]),
        ("0_" * 21, ["''", "layer 22"]),
        ("0_" * 20 + "0", ["22 blocks", "found 21"]),
        ("k3_e1 " * 21 + "k7_e1", ["'k7_e1'", "layer 22"]),
        ("0_" * 21 + "9" * 5000, ["layer 22"]),
        ("0_" * 21 + "٣", ["layer 22"]),
    ],
)
def test_bad_strings_name_token_and_layer(text, fragments):
    with pytest.raises(ArchError) as caught:
        SPACE.parse(text)
    assert len(caught.value.message) < 300
    for fragment in fragments:
        assert fragment in caught.value.message


def test_near_miss_is_suggested():
    with pytest.raises(ArchError) as caught:
        SPACE.parse("k3_e1_g3 " + "skip " * 21)
    assert "'k3_e1_g2'" in str(caught.value.hint)


tokens = st.sampled_from([*OPERATIONS, *"0123456789", "_", ",", " ", "x", ""])


@given(st.one_of(st.text(), st.lists(tokens, max_size=50).map("_".join)))
def test_any_text_is_an_arch_or_one_error(text):
    try:
        arch = SPACE.parse(text)
    except ArchError:
        return
    assert SPACE.parse(arch.key) == arch


@given(st.lists(st.integers(0, 8), min_size=22, max_size=22))
def test_any_indices_round_trip(indices):
    assert SPACE.indices(SPACE.from_indices(indices)).tolist() == indices


def test_encoding_is_a_chain_with_its_own_ends():
    graph = SPACE.encode(SPACE.parse(TEXT))
    assert len(graph.operations) == 24
    assert np.argwhere(graph.adjacency).tolist() == [[i, i + 1] for i in range(23)]
    assert (graph.operations[1:-1] - 1).tolist() == INDICES


def test_strides_and_widths_of_the_cifar_skeleton():
    network = SPACE.network(SPACE.from_indices([0] * 22))
    ends = {1: (16, 32), 2: (24, 32), 6: (32, 16), 10: (64, 8), 14: (112, 8), 18: (184, 4)}
    for layer, (channels, side) in (ends | {22: (352, 4)}).items():
        assert network.shapes[f"layer{layer:02d}.project.bn"] == (channels, side, side)
    assert network.shapes["head.relu"] == (1504, 4, 4)
    assert network.shapes["classifier"] == (100,)


def test_strides_and_widths_of_the_imagenet_skeleton():
    network = FBNet(resolution=224).network(SPACE.from_indices([0] * 22))
    assert network.shapes["stem.relu"] == (16, 112, 112)
    assert network.shapes["layer02.project.bn"] == (24, 56, 56)
    assert network.shapes["head.relu"] == (1984, 7, 7)
    assert network.shapes["classifier"] == (1000,)


def test_skip_is_nothing_where_shapes_agree():
    network = SPACE.network(SPACE.from_indices([8] * 22))
    blocks = {layer.name.split(".")[0] for layer in network.layers}
    changing = {"layer02", "layer06", "layer10", "layer14", "layer18", "layer22"}
    assert blocks == changing | {"input", "stem", "head", "pool", "classifier"}


def test_residual_only_where_shapes_agree():
    network = SPACE.network(SPACE.from_indices([0] * 22))
    added = {layer.name for layer in network.layers if layer.kind == "Add"}
    changing = {2, 6, 10, 14, 18, 22}
    assert added == {f"layer{i:02d}.add" for i in range(1, 23) if i not in changing}


def test_different_archs_have_different_networks():
    archs = SPACE.sample(np.random.default_rng(0), 100)
    assert len({SPACE.network(arch).digest() for arch in archs}) == 100


def test_names():
    assert SPACE.name == "fbnet"
    assert FBNet(resolution=224).name == "fbnet:r224"  # with the classes that are usual there
    assert FBNet(resolution=224, classes=100).name == "fbnet:r224-k100"
    assert FBNet(classes=1000).name == "fbnet:k1000"


def test_other_resolutions_have_no_skeleton():
    with pytest.raises(UsageError, match="32 or 224, not 64"):
        FBNet(resolution=64)


def test_parameters_agree_with_the_published_ones():
    folder = needs.published_data()
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "fbnet_zero_cost.parquet", columns=["arch", "params"])
    for row in table.slice(0, 300).to_pylist():
        assert SPACE.network(SPACE.parse(row["arch"])).params == row["params"]
