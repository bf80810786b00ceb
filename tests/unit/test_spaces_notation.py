"""Architectures in the notations in which benchmarks and searches have them."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit import spaces
from latkit.cli import run
from latkit.errors import ArchError
from tests import needs

NB201, FBNET = spaces.get("nb201"), spaces.get("fbnet")
# The authors' own assertions, in the program that numbered the cells.
NUMBERED = {
    0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+"
    "|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    9: "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
    123: "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
}

cells = st.lists(st.integers(0, 4), min_size=6, max_size=6).map(NB201.from_indices)
chains = st.lists(st.integers(0, 8), min_size=22, max_size=22).map(FBNET.from_indices)


class TestNB201:
    @pytest.mark.parametrize(("index", "cell"), NUMBERED.items())
    def test_index_of_nats_bench(self, index, cell):
        assert NB201.parse(str(index)).key == cell

    def test_every_cell_has_one_index(self):
        assert len({NB201.at(index) for index in range(15_625)}) == 15_625

    def test_published_indices(self):
        from pyarrow import parquet

        path = needs.published_data() / "nb201_latency_ms.parquet"
        table = parquet.read_table(path, columns=["index", "arch"]).to_pydict()
        for index, arch in zip(table["index"], table["arch"], strict=True):
            assert NB201.at(index).key == arch

    @pytest.mark.parametrize("index", ["15625", "99999", "123456789012"])
    def test_no_index(self, index):
        with pytest.raises(ArchError):
            NB201.parse(index)

    @given(cells)
    def test_lists_and_tuples(self, cell):
        indices = [int(index) for index in NB201.indices(cell)]
        names = [NB201.operations[index] for index in indices]
        a, b, c, d, e, f = names
        nodes = (((a, 0),), ((b, 0), (c, 1)), ((d, 0), (e, 1), (f, 2)))
        for form in (names, tuple(names), indices, tuple(indices), nodes, list(map(list, nodes))):
            assert NB201.parse(str(form)) == cell
        assert NB201.parse(json.dumps(names)) == cell

    @pytest.mark.parametrize(
        ("form", "words"),
        [
            ("[none, none]", "expected 6 operations, found 2"),
            ("[none, none, none, none, none, conv]", "'conv' at place 6"),
            ("[0, 1, 2, 3, 4, 5]", "'5' at place 6"),
            ("((none, 1), (none, 0), (none, 1), (none, 0), (none, 1), (none, 2))", "none~0"),
            ("[__import__('os').system('true')]", "nb201"),
        ],
    )
    def test_what_is_wrong_is_told(self, form, words):
        with pytest.raises(ArchError, match=words):
            NB201.parse(form)


@given(chains)
def test_fbnet(chain):
    indices = [int(index) for index in FBNET.indices(chain)]
    names = [FBNET.operations[index] for index in indices]
    for form in (indices, tuple(indices), names, tuple(names), np.array(indices).tolist()):
        assert FBNET.parse(str(form)) == chain


@given(st.text(max_size=60))
def test_any_text_is_an_architecture_or_an_error(text):
    for space in (NB201, FBNET):
        with contextlib.suppress(ArchError):
            assert space.parse(space.parse(text).key)


@pytest.mark.parametrize(
    "record",
    [
        {"space": "nb201", "arch": 9},
        {"space": "nb201", "index": 9},
        {"space": "nb201", "arch": ["avg_pool_3x3", "none", "none", "skip_connect", "none", 3]},
    ],
)
def test_arch_files(tmp_path, capsys, record):
    path = tmp_path / "arch.json"
    path.write_text(json.dumps(record))
    assert run(["space", "show", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["arch"] == NUMBERED[9]


@pytest.mark.parametrize("arch", ["true", "null", "1.5", "{}", "1e3", "[" * 500 + "]" * 500, "-1"])
def test_arch_files_with_what_is_none(tmp_path, capsys, arch):
    path = tmp_path / "arch.json"
    path.write_text(f'{{"space": "nb201", "arch": {arch}}}')
    assert run(["space", "show", str(path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("header", ["arch", "index"])
def test_imports(tmp_path, capsys, header):
    path = tmp_path / "table.csv"
    path.write_text(f"{header},pi\n0,1.0\n9,2.0\n")
    assert run(["dataset", "import", str(path)]) == 0
    capsys.readouterr()
    assert run(["dataset", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["arch"]: row["latency_ms"] for row in found} == {NUMBERED[0]: 1.0, NUMBERED[9]: 2.0}
