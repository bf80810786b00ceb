"""Wide tables of published latencies."""

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit import spaces
from latkit.errors import ArchError, StoreError
from latkit.store import Store
from latkit.store.io import files
from latkit.store.io.published import labels
from latkit.subjects import Subject
from tests import needs

CELLS = [spaces.get("nb201").from_indices([n % 5, 1, 2, 3, 4, n // 5]).key for n in range(10)]


def parse_any(text):
    for name in spaces.names():
        try:
            return spaces.get(name).parse(text)
        except ArchError:
            continue
    raise ArchError(f"no space knows {text!r}")


def read(path):
    return list(
        files.read(
            path,
            parse=lambda space, text: spaces.get(space).parse(text),
            parse_any=parse_any,
        )
    )


def write(path, columns):
    names, rows = list(columns), list(zip(*columns.values(), strict=True))
    if path.suffix == ".json":
        path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([names, *rows])
    else:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
class TestWideTable:
    def test_read(self, tmp_path, suffix):
        columns = {
            "index": list(range(10)),
            "arch": CELLS,
            "pi": [n + 1.0 for n in range(10)],
            "tpu": [None, *([0.5] * 9)],
        }
        found = read(write(tmp_path / f"table{suffix}", columns))
        assert len(found) == 19
        assert {m.condition.runtime.name for m in found} == {"published"}
        assert {m.condition.board for m in found} == {"pi", "tpu"}
        assert {m.verdict.level for m in found} == {"valid"}
        with Store.open(f"sqlite:///{tmp_path}/latkit.db") as store:
            assert store.add_many(found) == 19
            assert store.add_many(found) == 0
            table = store.table("nb201")
        assert [subject.key for subject in table.subjects] == [
            found[n].subject.key for n in range(10)
        ]
        assert table.devices == ["pi", "tpu"]
        expected = np.array([columns["pi"], [math.nan, *columns["tpu"][1:]]]).T
        np.testing.assert_array_equal(table.latency_ms, expected)

    def test_spaces_are_told_apart(self, tmp_path, suffix):
        chain = "_".join("0" * 22)
        columns = {"arch": [CELLS[0], chain], "pi": [1.0, 2.0]}
        found = read(write(tmp_path / f"table{suffix}", columns))
        assert [m.subject.collection for m in found] == ["nb201", "fbnet"]
        assert found[0].condition == found[1].condition

    def test_not_a_number(self, tmp_path, suffix):
        columns = {"arch": CELLS[:3], "pi": ["1", "2", "slow"]}
        with pytest.raises(StoreError, match=r"column 'pi', row 3: 'slow' is no latency"):
            read(write(tmp_path / f"table{suffix}", columns))

    def test_bad_architecture(self, tmp_path, suffix):
        columns = {"arch": [CELLS[0], "|conv~0|"], "pi": [1.0, 2.0]}
        with pytest.raises(ArchError, match=rf"table\{suffix}, row 2: .*conv"):
            read(write(tmp_path / f"table{suffix}", columns))

    def test_no_architectures(self, tmp_path, suffix):
        with pytest.raises(StoreError, match="no column 'arch'") as caught:
            read(write(tmp_path / f"table{suffix}", {"network": CELLS, "pi": [1.0] * 10}))
        assert "one column of milliseconds per device" in caught.value.hint

    def test_no_devices(self, tmp_path, suffix):
        with pytest.raises(StoreError, match="no column of latencies"):
            read(write(tmp_path / f"table{suffix}", {"index": list(range(10)), "arch": CELLS}))


def judged(values):
    archs = [Subject("toy", str(n)) for n in range(len(values))]
    return list(labels(archs, "pi", values))


class TestBrokenValues:
    def test_reasons(self):
        values = [10.0, 10.0, 10.0, 10.0, 0.01, 0.0, -1.0, math.inf, math.nan]
        found = judged(values)
        assert [m.verdict.level for m in found] == ["valid"] * 4 + ["suspect"] + ["invalid"] * 3
        assert "5% of the median" in found[4].verdict.reasons[0]
        assert "0 is not a latency" in found[5].verdict.reasons[0]
        assert [m.latency_ms for m in found[4:]] == [0.01, 0.0, -1.0, None]

    def test_all_of_a_device_broken(self):
        assert {m.verdict.level for m in judged([0.0, -1.0])} == {"invalid"}
        assert judged([math.nan]) == []

    @given(st.lists(st.floats(width=64), max_size=20))
    def test_whatever_is_usable_is_above_zero(self, values):
        found = judged(values)
        assert len(found) == sum(not math.isnan(value) for value in values)
        for one in found:
            assert one.usable == (one.verdict.level != "invalid")
            assert not one.usable or 0 < one.latency_ms < math.inf

    def test_conditions_do_not_claim_what_the_table_does_not_say(self):
        condition = judged([1.0])[0].condition
        assert (condition.threads, condition.batch, condition.protocol) == (0, 0, 0)
        assert (condition.precision, condition.state.label) == ("unknown", "unknown")
        assert (condition.runtime.version, condition.runtime.provider) == ("unknown", "unknown")
        assert condition.words() == "published"


@pytest.fixture
def published():
    return needs.published_data()


def test_published_table(tmp_path, published):
    from pyarrow import parquet

    path = published / "nb201_top1999_latency_ms.parquet"
    with Store.open(f"sqlite:///{tmp_path}/latkit.db") as store:
        store.add_many(read(path))
        table = store.table("nb201")
    assert table.latency_ms.shape == (1999, 14)
    expected = parquet.read_table(path, columns=table.devices)
    for device, values in zip(table.devices, table.latency_ms.T, strict=True):
        np.testing.assert_array_equal(values, expected[device].to_numpy())
