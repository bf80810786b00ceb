"""HELP's own folders, as published and as they might be broken."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from latkit import spaces
from latkit.errors import ArchError, StoreError, UsageError
from latkit.store import Store
from tests import needs
from tests.unit.test_store_published import CELLS, read

CHAINS = [[n % 9] * 22 for n in range(4)]


def save(path, value):
    """As torch.save writes plain values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    pickle.Pickler(content, protocol=2).dump(value)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content.getvalue())
        archive.writestr("archive/version", "3\n")


@pytest.fixture
def cells(tmp_path):
    folder = tmp_path / "nasbench201"
    save(folder / "str_arch2idx.pt", {text: 9 - n for n, text in enumerate(CELLS)})
    save(folder / "latency" / "pi.pt", [n + 1.0 for n in range(10)])
    save(folder / "latency" / "phone.pt", list(range(1, 11)))
    return folder


@pytest.fixture
def chains(tmp_path):
    folder = tmp_path / "fbnet"
    save(folder / "arch.pt", CHAINS)
    save(folder / "latency" / "pi.pt", [1.0, 2.0, 3.0, 4.0])
    return folder


def test_numbered_architectures(cells):
    found = {m.subject.key: m.latency_ms for m in read(cells) if m.condition.board == "pi"}
    assert found == {text: 10.0 - n for n, text in enumerate(CELLS)}


def test_listed_architectures(chains):
    found = read(chains)
    assert [m.latency_ms for m in found] == [1.0, 2.0, 3.0, 4.0]
    assert found[3].subject == spaces.get("fbnet").from_indices([3] * 22)


def test_folder_of_folders(cells, chains):
    assert len(read(cells.parent)) == 24


def test_another_folder(tmp_path):
    with pytest.raises(UsageError, match="not in HELP's layout") as caught:
        read(tmp_path)
    assert "str_arch2idx.pt" in caught.value.hint


def test_no_devices(cells):
    for file in (cells / "latency").iterdir():
        file.unlink()
    with pytest.raises(StoreError, match=r"no latency/\*\.pt"):
        read(cells)


@pytest.mark.parametrize("values", [[1.0] * 9, [1.0] * 11, [], {}, 3.0, "1", None])
def test_not_one_latency_per_architecture(cells, values):
    save(cells / "latency" / "pi.pt", values)
    with pytest.raises(StoreError, match=r"pi\.pt does not hold 10 latencies"):
        read(cells)


@pytest.mark.parametrize("odd", ["slow", [1.0], {}, (1,)])
def test_not_numbers(cells, odd):
    save(cells / "latency" / "pi.pt", [*([1.0] * 9), odd])
    with pytest.raises(StoreError, match=r"pi\.pt, row 10: .* is no latency"):
        read(cells)


@pytest.mark.parametrize(
    "places",
    [{CELLS[0]: 0, CELLS[1]: 0}, {CELLS[0]: 1}, {CELLS[0]: "0"}, {0: 0}, [CELLS[0]], None],
)
def test_broken_places(cells, places):
    save(cells / "str_arch2idx.pt", places)
    with pytest.raises(StoreError, match="str_arch2idx"):
        read(cells)


@pytest.mark.parametrize("rows", [[[0] * 22, 3], [["x"] * 22], [[-1] * 22], {}, [[1.5] * 22]])
def test_broken_rows(chains, rows):
    save(chains / "arch.pt", rows)
    with pytest.raises(StoreError, match=r"arch\.pt does not list"):
        read(chains)


def test_architecture_of_no_space(chains):
    save(chains / "arch.pt", [[0] * 22, [0] * 21, [0] * 22, [0] * 22])
    with pytest.raises(ArchError, match="fbnet, row 2"):
        read(chains)


def test_nothing_is_added_where_a_file_is_broken(cells, tmp_path):
    (cells / "latency" / "pi.pt").write_bytes(b"PK\x03\x04 cut short")
    with Store.open(f"sqlite:///{tmp_path}/latkit.db") as store:
        with pytest.raises(StoreError, match=r"pi\.pt"):
            store.add_many(read(cells))
        assert store.summary() == []


def test_as_published(tmp_path):
    data = needs.published_data()
    from pyarrow import parquet

    with Store.open(f"sqlite:///{tmp_path}/latkit.db") as store:
        assert store.add_many(read(data / "help_raw")) == 3 * 15625 + 2 * 5000
        for space in ("nb201", "fbnet"):
            table = store.table(space)
            expected = parquet.read_table(data / f"{space}_latency_ms.parquet")
            parse = spaces.get(space).parse
            assert table.subjects == [parse(text) for text in expected["arch"].to_pylist()]
            for device, values in zip(table.devices, table.latency_ms.T, strict=True):
                np.testing.assert_array_equal(values, expected[device].to_numpy())
