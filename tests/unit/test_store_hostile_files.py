"""Files of measurements that nobody should have to trust."""

import os
import re
import subprocess
import sys

import pytest

from latkit.errors import LatkitError, StoreError
from latkit.store.io import files, flat, parquet_file, tabular
from latkit.subjects import Subject
from tests.conformance.store import measurement
from tests.unit.test_store_flat import rewrite

SUFFIXES = (".csv", ".json", ".parquet")


def read(path, refuse=None):
    told = {} if refuse is None else {"refuse": refuse}
    return list(
        files.read(path, parse=Subject, parse_any=lambda text: Subject("toy", text), **told)
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestNoFiles:
    def test_a_device(self, tmp_path, suffix):
        (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
        with pytest.raises(StoreError, match="it is a device"):
            read(tmp_path / f"zero{suffix}")

    def test_a_pipe(self, tmp_path, suffix):
        os.mkfifo(tmp_path / f"pipe{suffix}")
        with pytest.raises(StoreError, match="it is a pipe"):
            read(tmp_path / f"pipe{suffix}")

    def test_a_sparse_terabyte(self, tmp_path, suffix):
        with (tmp_path / f"large{suffix}").open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(StoreError, match="it is larger than"):
            read(tmp_path / f"large{suffix}")


@pytest.fixture
def parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def write(columns, **options):
        parquet.write_table(pa.table(columns), tmp_path / "file.parquet", **options)
        return tmp_path / "file.parquet"

    return write


class TestParquet:
    def test_rows(self, parquet, monkeypatch):
        monkeypatch.setattr(parquet_file, "MAX_ROWS", 10)
        path = parquet({"arch": ["a"] * 11, "pi": [1.0] * 11})
        with pytest.raises(StoreError, match="it has 11 rows, more than 10"):
            read(path)

    def test_eighty_million_numbers_in_a_small_file(self, parquet):
        import pyarrow as pa

        offsets = pa.array([0, 80_000_000], pa.int32())
        values = pa.ListArray.from_arrays(offsets, pa.nulls(80_000_000, pa.int64()))
        path = parquet({"arch": pa.array(["a"]), "pi": values})
        assert path.stat().st_size < 100_000
        with pytest.raises(StoreError, match="unpacks to more than 512 MiB"):
            read(path)

    def test_a_long_text_that_every_row_repeats(self, parquet):
        path = parquet({"arch": ["a" * 1_000_000] * 5_000, "pi": [1.0] * 5_000})
        assert path.stat().st_size < 2_000_000
        with pytest.raises(StoreError, match="a cell of more than 128 KiB"):
            read(path)

    def test_damage_that_ends_pyarrow(self, parquet):
        path = parquet({"arch": ["a"], "pi": [1.0], "samples": [[1, 2]]})
        optional, required = b"\x25\x02\x18\x07element", b"\x25\x00\x18\x07element"
        content = path.read_bytes()
        assert optional in content
        path.write_bytes(content.replace(optional, required))
        with pytest.raises(StoreError, match="pyarrow crashes on it"):
            read(path)

    def test_many_columns(self, parquet):
        path = parquet({f"c{n}": [1] for n in range(tabular.MAX_COLUMNS + 1)})
        with pytest.raises(StoreError, match="10,001 columns"):
            read(path)

    def test_many_cells(self, parquet, monkeypatch):
        monkeypatch.setattr(tabular, "MAX_CELLS", 100)
        with pytest.raises(StoreError, match="more than 100 cells"):
            read(parquet({"arch": ["a"] * 60, "pi": [1.0] * 60}))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"arch": "a", "pi": ' + "9" * 5_000 + "}]", "number of 5,000 digits"),
        ('[{"arch": "a", "pi": 1, "pi": 2}]', "'pi' twice"),
        ('[{"arch": ' + "[" * 100_000, "nested too deeply"),
        ("[" + "{}," * 1_000_001 + "{}]", "more values"),
    ],
    ids=["digits", "twice", "deep", "many"],
)
def test_json(tmp_path, content, words):
    (tmp_path / "file.json").write_text(content)
    with pytest.raises(StoreError, match=words):
        read(tmp_path / "file.json")


@pytest.mark.parametrize(
    "content",
    [
        "arch,pi\n" + "a" * 1_000_000 + ",1\n",
        'arch,pi\n"' + "a,1\n" * 100_000,
        "arch" * 100_000,
        ",".join(f"c{n}" for n in range(10_001)),
        "\n" * 3_000_000,
        "arch,pi\n" + "\n" * 3_000_000,
        "arch,pi\n\xff\xfe",
    ],
    ids=["cell", "quote", "header", "columns", "blank", "blank lines", "latin"],
)
def test_csv(tmp_path, content):
    (tmp_path / "file.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(StoreError, match=r"file\.csv") as caught:
        read(tmp_path / "file.csv")
    assert len(caught.value.message) < 400


IN_A_CENTURY = "2126-01-01T00:00:00+00:00"


@pytest.mark.parametrize("suffix", [".csv", ".json"])
class TestFlatRows:
    @pytest.mark.parametrize(
        ("column", "value", "words"),
        [
            *(
                (name, value, name)
                for name in ("latency_ms", "lower_ms")
                for value in (-1, 0, 1e308)
            ),
            *(("latency_ms", value, "latency_ms") for value in ("inf", "nan", "9" * 400, "0x1")),
            ("noise", -0.1, "noise"),
            ("energy_mj", 0, "energy_mj"),
            ("energy_mj", 1e10, "energy_mj"),
            ("threads", 0, "threads is 0"),
            ("batch", 0, "batch is 0"),
            ("measured_at", IN_A_CENTURY, "lies in the future"),
            ("measured_at", "9999-12-31T23:59:59-10:00", "calendar"),
            ("measured_at", "0001-01-01T00:00:00+10:00", "calendar"),
            ("measured_at", "2026-02-30T00:00:00+00:00", "measured_at"),
            ("device", "../..", "cannot be the name of a device"),
            ("device", "x" * 300, "cannot be the name of a device"),
            ("device", "a\x1b[31mb", "cannot be the name of a device"),
            ("state", "x" * 10_000, "state"),
            ("arch", "a\0b", "arch"),
            ("verdict", "VALID", "verdict"),
        ],
    )
    def test_a_bad_row_spoils_only_itself(self, tmp_path, suffix, column, value, words):
        path = tmp_path / f"export{suffix}"
        good = [measurement("a"), measurement("c")]
        flat.write([good[0], measurement("b"), good[1]], path)
        rows = list(tabular.rows(tabular.read(path)))
        rows[1][column] = value
        rewrite(path, rows)
        told = []
        assert read(path, told.append) == good
        (problem,) = told
        assert re.search(rf"export\{suffix}, row 2: .*{words}", problem.message)
        with pytest.raises(LatkitError, match="row 2"):
            read(path)

    def test_bounds_the_wrong_way_round(self, tmp_path, suffix):
        path = tmp_path / f"export{suffix}"
        flat.write([measurement("a")], path)
        (row,) = tabular.rows(tabular.read(path))
        rewrite(path, [row | {"lower_ms": 2.0, "upper_ms": 1.0}])
        with pytest.raises(StoreError, match="lower_ms is larger than upper_ms"):
            read(path)


@pytest.mark.parametrize("column", ["latency_ms", "threads", "noise", "protocol"])
def test_true_is_no_number(tmp_path, column):
    path = tmp_path / "export.json"
    flat.write([measurement("a")], path)
    (row,) = tabular.rows(tabular.read(path))
    rewrite(path, [row | {column: True}])
    with pytest.raises(StoreError, match=f"{column}: is true or false"):
        read(path)


def test_a_context_that_no_database_takes(tmp_path):
    path = tmp_path / "export.json"
    flat.write([measurement("a")], path)
    path.write_text(path.read_text().replace('"context": {}', '"context": {"a": NaN}'))
    with pytest.raises(StoreError, match="row 1: context"):
        read(path)


@pytest.mark.parametrize("value", ["true", "1_000", "0x10", "\u0661", "1e", "--1"])
def test_what_python_takes_for_a_number_besides(tmp_path, value):
    path = tmp_path / "table.csv"
    path.write_text(f"arch,pi\na,1\nb,{value}\nc,3\n")
    told = []
    assert [m.latency_ms for m in read(path, told.append)] == [1.0, 3.0]
    assert "row 2" in told[0].message


def test_wide_values_that_are_none_are_invalid(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("arch,pi\na,1\nb,-1\nc,0\nd,1e308\ne,inf\nf,\n")
    found = {m.subject.key: m.verdict.level for m in read(path)}
    assert found == {"a": "valid", **dict.fromkeys("bcde", "invalid")}


def test_wide_rows_that_are_wrong_spoil_only_themselves(tmp_path):
    path = tmp_path / "table.json"
    path.write_text('[{"arch": "a", "pi": 1}, {"arch": {}, "pi": 2}, {"arch": "c", "pi": [3]}]')
    told = []
    assert [m.subject.key for m in read(path, told.append)] == ["a"]
    assert [re.search(r"row \d", problem.message)[0] for problem in told] == ["row 2", "row 3"]


READ = """
import resource, sys
from pathlib import Path
from latkit.errors import LatkitError
from latkit.store.io import files
from latkit.subjects import Subject

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
try:
    for found in files.read(Path(sys.argv[1]), parse=Subject, parse_any=lambda t: Subject("t", t)):
        pass
except LatkitError as problem:
    print(problem.message)
"""


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("a.json", "[],"),
        ("a.json", "{},"),
        ("a.json", '{"":1},'),
        ("a.json", "1,"),
        ("a.json", '"\U0001f600",'),
        ("a.csv", "a,"),
        ("a.csv", "a\n"),
        ("a.csv", '"'),
        ("a.csv", "\U0001f600"),
    ],
)
def test_a_gibibyte_is_enough_for_any_file(tmp_path, name, unit):
    most = 60 * 1024 * 1024
    body = unit * (most // len(unit.encode()))
    (tmp_path / name).write_text(f"[{body}1]" if name.endswith("json") else f"a\n{body}")
    command = [sys.executable, "-c", READ, tmp_path / name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-500:]
    assert name in done.stdout or name.endswith("csv")
