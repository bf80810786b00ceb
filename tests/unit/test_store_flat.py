"""Export to CSV, JSON and Parquet, and back."""

import csv
import json
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latkit import spaces
from latkit.errors import ArchError, StoreError, UsageError
from latkit.store import Store
from latkit.store.io import files, flat
from latkit.store.io.record import COLUMNS
from latkit.subjects import Subject
from tests.conformance.store import any_measurements, everything, measurement
from tests.conformance.store_processes import ROOT, start

SUFFIXES = (".csv", ".json", ".parquet")


def read(path, parse=Subject):
    def refuse(*_):
        raise AssertionError("this is no published table")

    return list(files.read(path, parse=parse, parse_any=refuse))


def kept(found, suffix):
    """What a format carries of a measurement."""
    return replace(found, blocks=(), context={}) if suffix == ".csv" else found


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestEveryFormat:
    @given(found=st.lists(any_measurements(), max_size=5))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def test_round_trip(self, tmp_path, suffix, found):
        path = tmp_path / f"export{suffix}"
        assert flat.write(found, path) == len(found)
        assert read(path) == [kept(one, suffix) for one in found]

    def test_round_trip_through_a_store(self, tmp_path, suffix):
        path = tmp_path / f"export{suffix}"
        found = [measurement(str(n), n + 1.0, at=n, samples=True) for n in range(5)]
        found += [measurement("0", 9.0, at=9), measurement("x", None, level="invalid")]
        flat.write(found, path)
        with Store.open(f"sqlite:///{tmp_path}/latkit.db") as store:
            assert store.add_many(read(path)) == 7
            assert store.add_many(read(path)) == 0
            stored = everything(store, samples=True)
        assert len(stored) == 7
        assert all(kept(one, suffix) in stored for one in found)

    def test_nothing_to_export_is_a_file_without_rows(self, tmp_path, suffix):
        path = tmp_path / f"export{suffix}"
        assert flat.write([], path) == 0
        assert read(path) == []

    def test_an_import_after_the_measurement_itself_adds_nothing(self, tmp_path, suffix):
        path = tmp_path / f"export{suffix}"
        with Store.open(f"sqlite:///{tmp_path}/latkit.db") as store:
            store.add(measurement(samples=True))
            flat.write(store.find(), path)
            assert store.add_many(read(path)) == 0

    def test_columns(self, tmp_path, suffix):
        path = tmp_path / f"export{suffix}"
        flat.write([measurement(samples=True)], path)
        names = (
            "space,arch,device,kind,runtime,runtime_version,provider,threads,affinity,precision,"
            "batch,state,tuned,protocol,latency_ms,lower_ms,upper_ms,p10_ms,p90_ms,noise,"
            "energy_mj,verdict,reasons,measured_at"
        )
        if suffix != ".csv":
            names += ",context,blocks"
        assert ",".join(files.tabular.read(path)) == names

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.97])
    def test_truncated(self, tmp_path, suffix, share):
        path = tmp_path / f"export{suffix}"
        flat.write([measurement(str(n)) for n in range(20)], path)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(StoreError, match=re.escape(str(path))):
            read(path)

    def test_absent(self, tmp_path, suffix):
        with pytest.raises(StoreError, match="No such file"):
            read(tmp_path / f"absent{suffix}")

    def test_rubbish(self, tmp_path, suffix):
        path = tmp_path / f"rubbish{suffix}"
        path.write_bytes(bytes(range(256)) * 10)
        with pytest.raises(StoreError, match=re.escape(str(path))):
            read(path)

    def test_a_bad_architecture_is_told(self, tmp_path, suffix):
        path = tmp_path / f"export{suffix}"
        flat.write([measurement("|nor_conv_9x9~0|")], path)
        with pytest.raises(ArchError, match=r"row 1: .*nor_conv_9x9"):
            read(path, lambda space, text: spaces.get(space).parse(text))

    def test_a_file_that_cannot_be_written_is_left_as_it_was(self, tmp_path, suffix):
        with pytest.raises(StoreError, match="cannot write"):
            flat.write([measurement()], tmp_path / "absent" / f"export{suffix}")
        (tmp_path / "file").write_text("of somebody")
        with pytest.raises(StoreError, match="cannot write"):
            flat.write([measurement()], tmp_path / "file" / f"export{suffix}")
        assert (tmp_path / "file").read_text() == "of somebody"
        folder = tmp_path / f"folder{suffix}"
        folder.mkdir()
        with pytest.raises(StoreError, match="cannot write"):
            flat.write([measurement()], folder)
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, "file"}


@pytest.mark.parametrize("suffix", [".csv", ".json"])
class TestFormatsWithoutTypes:
    @pytest.mark.parametrize(
        ("column", "value", "words"),
        [
            ("verdict", "splendid", "verdict"),
            ("latency_ms", None, "needs latency_ms"),
            ("latency_ms", "fast", "latency_ms"),
            ("latency_ms", "inf", "latency_ms"),
            ("threads", -1, "threads"),
            ("batch", 2**40, "batch"),
            ("device", "", "device"),
            ("measured_at", "yesterday", "measured_at"),
            ("measured_at", "2026-01-01T00:00:00", "offset from UTC"),
            ("affinity", "0,1", "affinity"),
            ("affinity", "[-1]", "affinity"),
            ("tuned", "perhaps", "tuned"),
            ("reasons", '{"a": 1}', "reasons"),
            ("reasons", "not JSON", "reasons"),
        ],
    )
    def test_what_is_wrong_with_a_row_is_told(self, tmp_path, suffix, column, value, words):
        path = tmp_path / f"export{suffix}"
        flat.write([measurement("a"), measurement("b")], path)
        rows = list(files.tabular.rows(files.tabular.read(path)))
        rows[1][column] = value
        rewrite(path, rows)
        with pytest.raises(StoreError, match=rf"{re.escape(str(path))}, row 2: .*{words}"):
            read(path)

    def test_a_missing_column_is_told(self, tmp_path, suffix):
        path = tmp_path / f"export{suffix}"
        flat.write([measurement()], path)
        rows = list(files.tabular.rows(files.tabular.read(path)))
        del rows[0]["device"]
        rewrite(path, rows)
        with pytest.raises(StoreError, match="row 1: device"):
            read(path)


def rewrite(path, rows):
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def before_conditions(path, **changes):
    """An export of ``measurement()`` as a latkit of schema 0002 wrote it."""
    flat.write([measurement()], path)
    (row,) = files.tabular.rows(files.tabular.read(path))
    own = {"skeleton": "c16-n5-r32", "device_state": "default"}
    new = ("kind", "provider", "affinity", "state", "tuned")
    kept = {name: value for name, value in row.items() if name not in new}
    rewrite(path, [kept | own | changes])
    return path


@pytest.mark.parametrize("suffix", [".csv", ".json"])
class TestFilesFromBeforeConditions:
    """Exports that a latkit of then has really written: test_store_migration."""

    def test_read(self, tmp_path, suffix):
        (found,) = read(before_conditions(tmp_path / f"export{suffix}"))
        assert found == measurement()
        assert found.condition.kind == "board"

    def test_strings_come_apart(self, tmp_path, suffix):
        path = tmp_path / f"export{suffix}"
        changes = {"skeleton": "c8-n5-r32", "device_state": "15W tuned cpus=0,1"}
        (found,) = read(before_conditions(path, runtime="torch:compile", **changes))
        assert found == measurement(
            space="nb201:c8",
            runtime="torch",
            provider="compile",
            state="15W",
            tuned=True,
            affinity=[0, 1],
        )

    @pytest.mark.parametrize("column", ["skeleton", "runtime", "threads", "device"])
    def test_a_missing_column_is_told(self, tmp_path, suffix, column):
        path = before_conditions(tmp_path / f"export{suffix}")
        (row,) = files.tabular.rows(files.tabular.read(path))
        del row[column]
        rewrite(path, [row])
        with pytest.raises(StoreError, match=rf"row 1: .*{column}"):
            read(path)


@pytest.mark.parametrize("column", ["skeleton", "runtime", "device_state", "space"])
def test_strings_from_before_conditions_that_are_none(tmp_path, column):
    path = before_conditions(tmp_path / "export.json", **{column: None})
    with pytest.raises(StoreError, match=f"row 1: .*{column} is no text"):
        read(path)


def test_every_column_is_documented():
    text = (ROOT / "docs" / "dataset.md").read_text()
    table = text.partition("| column | meaning |")[2].partition("\n\n")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    assert [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)] == list(COLUMNS)


@pytest.mark.parametrize("name", ["export.xlsx", "export", "export.csv.gz"])
def test_unknown_format(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.csv, \.json, \.parquet"):
        flat.write([], tmp_path / name)
    with pytest.raises(UsageError, match=r"\.csv, \.json, \.parquet"):
        read(tmp_path / name)


def test_times_come_in_utc(tmp_path):
    path = tmp_path / "export.json"
    flat.write([replace(measurement(), measured_at="2026-01-01T02:00:00+02:00")], path)
    assert read(path)[0].measured_at == "2026-01-01T00:00:00+00:00"


def test_a_spreadsheets_csv(tmp_path):
    path = tmp_path / "export.csv"
    flat.write([measurement()], path)
    content = path.read_text().replace("\r\n", "\n") + "\n\n"
    path.write_text("\ufeff" + content)
    assert read(path) == [measurement()]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no columns"),
        ("a,a\n1,2\n", "'a' occurs twice"),
        ("arch,pi\nx,1,2\n", "line 2 has 3 cells"),
        ('arch,pi\n"x,1\n', "line 2 has 1 cells"),
    ],
)
def test_malformed_csv(tmp_path, content, words):
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(StoreError, match=words):
        read(path)


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("content", ["{}", "[1]", "[" * 100_000, '"a"', "NaN"])
def test_malformed_json(tmp_path, content):
    path = tmp_path / "table.json"
    path.write_text(content)
    with pytest.raises(StoreError, match=r"table\.json"):
        read(path)


WITHOUT_PANDAS = """
import sys
from pathlib import Path

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "pandas":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from latkit.store.io import flat, tabular
from tests.conformance.store import measurement

path = Path(sys.argv[1])
flat.write([measurement(samples=True)], path)
print(tabular.read(path)["latency_ms"])
"""


def test_parquet_needs_no_pandas(tmp_path):
    process = start(WITHOUT_PANDAS, str(tmp_path / "export.parquet"))
    assert process.communicate(timeout=60)[0] == "[1.0]\n"
    assert process.returncode == 0


STARTS_NO_THREAD = """
import os, sys
from pathlib import Path
import pyarrow.parquet
from latkit.store.io import flat, tabular
from tests.conformance.store import measurement

path, before = Path(sys.argv[1]), os.listdir("/proc/self/task")
flat.write([measurement(samples=True)], path)
tabular.read(path)
print(len(os.listdir("/proc/self/task")) - len(before))
"""


def test_parquet_starts_no_thread(tmp_path):
    """A process that ended while pyarrow was starting its own was aborted."""
    process = start(STARTS_NO_THREAD, str(tmp_path / "export.parquet"))
    assert process.communicate(timeout=60)[0] == "0\n"


def test_parquet_suits_other_programs(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "export.parquet"
    flat.write([measurement(samples=True)], path)
    (row,) = pandas.read_parquet(path).to_dict("records")
    assert row["latency_ms"] == 1.0
    assert list(row["blocks"][0]["samples_ns"]) == [3, 1, 2]
