"""Importing, exporting and removing measurements at the keyboard."""

import csv
import io
import json
from dataclasses import replace

import pytest

from latkit import spaces
from latkit.cli import run
from latkit.errors import StoreError, UsageError
from latkit.lab import Lab
from tests.conformance.store import changed, measurement

CELLS = [spaces.get("nb201").at(number).key for number in range(10)]


def told(capsys, *words, status=0):
    assert run(["dataset", *words]) == status, capsys.readouterr().err
    return capsys.readouterr().err


def stored(capsys, *words):
    assert run(["dataset", "list", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def values(capsys):
    return {row["device"]: row["latency_ms"] for row in stored(capsys)}


@pytest.fixture
def table(tmp_path):
    def write(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.replace("CELL", CELLS[0]).encode(encoding))
        return str(path)

    return write


class TestForms:
    @pytest.mark.parametrize("ends", ["\n", "\r\n"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize(
        "text", ["arch,pi\nCELL,1.5\n", "arch;pi\nCELL;1,5\n", "arch\tpi\nCELL\t1,5\n"]
    )
    def test_what_spreadsheets_write(self, table, capsys, text, encoding, ends):
        told(capsys, "import", table(text.replace("\n", ends), encoding=encoding))
        assert values(capsys) == {"pi": 1.5}

    @pytest.mark.parametrize(
        ("header", "ms"),
        [
            *(("pi (s)", 2000.0), ("pi [us]", 0.002), ("pi_ms", 2.0), ("pi (ms)", 2.0)),
            *(
                ("pi_ns", 2e-6),
                ("pi [sec]", 2000.0),
                ("pi (µs)", 0.002),
                ("pi ms", 2.0),
                ("pi", 2.0),
            ),
        ],
    )
    def test_units_in_headers(self, table, capsys, header, ms):
        told(capsys, "import", table(f"arch,{header}\nCELL,2\n"))
        assert values(capsys) == {"pi": pytest.approx(ms)}

    @pytest.mark.parametrize(("unit", "ms"), [("s", 2000.0), ("us", 0.002), ("ns", 2e-6)])
    def test_units_as_an_option(self, table, capsys, unit, ms):
        told(
            capsys, "import", table("arch,pi,tpu_ms\nCELL,2,3\n"), "--columns", "pi", "--unit", unit
        )
        assert values(capsys) == {"pi": pytest.approx(ms)}

    def test_units_that_contradict(self, table, capsys):
        said = told(capsys, "import", table("arch,pi (s)\nCELL,2\n"), "--unit", "ms", status=2)
        assert "says s, not ms" in said

    def test_two_columns_of_a_device(self, table, capsys):
        said = told(capsys, "import", table("arch,pi (s),pi_ms\nCELL,2,3\n"), status=2)
        assert "two columns of the device 'pi'" in said

    def test_columns(self, table, capsys):
        path = table("arch,pi (s),accuracy\nCELL,1,93\n")
        assert "did you mean 'pi (s)'" in told(
            capsys, "import", path, "--columns", "pi (x)", status=2
        )
        told(capsys, "import", path, "--columns", "pi")
        assert values(capsys) == {"pi": 1000.0}

    @pytest.mark.parametrize("option", ["--columns", "--unit"])
    def test_an_export_says_itself_what_is_in_it(self, table, tmp_path, capsys, option):
        told(capsys, "import", table("arch,pi\nCELL,1\n"))
        told(capsys, "export", str(tmp_path / "out.csv"))
        said = told(capsys, "import", str(tmp_path / "out.csv"), option, "s", status=2)
        assert "says itself" in said

    def test_an_unnamed_latency(self, table, capsys):
        said = told(capsys, "import", table("arch,latency_ms\nCELL,1\n"), status=1)
        assert "does not say of which device" in said


class TestWhatIsTold:
    def test_devices_and_ranges(self, table, capsys):
        rows = "".join(f"{cell},{n + 1},{n + 20}.5\n" for n, cell in enumerate(CELLS))
        said = told(capsys, "import", table("arch,pi,tpu\n" + rows))
        assert "20 measurements added" in said
        assert "  pi, nb201: 10 networks, 1.000 to 10.00 ms\n" in said
        assert "  tpu, nb201: 10 networks, 20.50 to 29.50 ms\n" in said
        assert "warning" not in said

    @pytest.mark.parametrize("name", ["accuracy", "cifar10_acc", "top1", "flops", "val_loss"])
    def test_a_column_whose_name_is_no_devices(self, table, capsys, name):
        said = told(capsys, "import", table(f"arch,pi,{name}\nCELL,5,93\n"))
        assert f"warning: {name}: its name says" in said

    def test_accuracies_under_another_name(self, table, capsys):
        numbers = [10.0, 55.2, 88.1, 90.2, 90.7, 91.3, 91.9, 92.5, 93.1, 93.9]
        rows = "".join(f"{cell},{n}\n" for cell, n in zip(CELLS, numbers, strict=True))
        assert "bunched at the top" in told(capsys, "import", table("arch,x\n" + rows))

    def test_seconds(self, table, capsys):
        rows = "".join(f"{cell},0.00{n + 1}\n" for n, cell in enumerate(CELLS[:5]))
        said = told(capsys, "import", table("arch,pi\n" + rows))
        assert "half of them take 0.003 ms or less: is that their unit?" in said

    def test_nanoseconds(self, table, capsys):
        said = told(capsys, "import", table("arch,pi\nCELL,5000000\n"))
        assert "half of them take 5e+06 ms or more: is that their unit?" in said

    @pytest.mark.parametrize("unit", ["ns", "ms"])
    def test_a_unit_that_the_header_names_is_not_asked_for_by_an_option(self, table, capsys, unit):
        said = told(capsys, "import", table(f"arch,g({unit})\nCELL,0.002\n"))
        assert "is that their unit? the column's header names it" in said
        assert "--unit s" not in said

    def test_what_is_left_out(self, table, capsys):
        said = told(capsys, "import", table("arch,pi,why\nCELL,1,a\n|x|,2,b\n1,true,c\n"))
        assert "1 measurement added" in said
        assert "row 2: " in said
        assert "row 3: 'true' is no latency" in said
        assert "column 'why' holds no numbers" in said
        assert values(capsys) == {"pi": 1.0}

    def test_nothing_right(self, table, capsys):
        said = told(capsys, "import", table("arch,pi\n|x|,2\n|y|,3\n"), status=1)
        assert "row 1" in said
        assert "and 1 more" in said
        assert stored(capsys) == []

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("headers.csv", "arch,pi\n"),
            ("cells.csv", "arch,pi,tpu\nCELL,,\n"),
            ("nan.tsv", "arch\tpi\nCELL\tnan\n"),
            ("list.json", "[]"),
            ("records.json", '[{"arch": "CELL", "pi": null}]'),
        ],
    )
    def test_nothing_at_all(self, table, capsys, name, text):
        said = told(capsys, "import", table(text, name), status=1)
        assert f"{name} holds no measurements" in said
        assert "added" not in said

    @pytest.mark.parametrize(
        ("text", "cell"),
        [
            ('arch,pi\nCELL,"1,234.5"\n', "1,234.5"),
            ('arch,pi\nCELL,"1,234.5"\nCELL,"1,235"\n', "1,234.5"),
            ("arch;pi\nCELL;1.234,5\nCELL;2.345,6\n", "1.234,5"),
            ("arch,pi\nCELL,2024-01-02\nCELL,2024-01-03\n", "2024-01-02"),
        ],
    )
    def test_a_column_of_no_numbers_shows_one_and_how_they_look(self, table, capsys, text, cell):
        said = told(capsys, "import", table(text), status=1)
        assert f"row 1: '{cell}' is no latency" in said
        assert "hint: a latency looks like 1234.5" in said

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_a_point_beside_decimal_commas_may_part_thousands(self, table, capsys, delimiter):
        text = "arch;pi\nCELL;1.234\nCELL;999,5\n".replace(";", delimiter)
        said = told(capsys, "import", table(text), status=1)
        assert "line 3 has a decimal comma, line 2 a point" in said

    def test_an_export_of_nothing(self, tmp_path, capsys):
        told(capsys, "export", str(tmp_path / "none.parquet"))
        said = told(capsys, "import", str(tmp_path / "none.parquet"), status=1)
        assert "holds no measurements" in said


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-1", "plain", "'quoted"]


@pytest.mark.parametrize("text", FORMULAS, ids=repr)
def test_no_cell_of_an_export_is_a_formula(tmp_path, capsys, text):
    lab, path = Lab(), tmp_path / "out.csv"
    with lab.store() as store:
        store.add(measurement(CELLS[0], state=text, kind=text))
    assert lab.dataset.export(path) == 1
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert not row["state"].startswith(tuple("=+-@\t\r"))
    other = Lab(data=tmp_path / "other")
    other.dataset.import_(path)
    (found,) = other.dataset.find()
    assert (found.condition.state.label, found.condition.kind) == (text, text)


@pytest.fixture
def filled(table, capsys):
    told(capsys, "import", table("arch,rpi4,tpu\nCELL,1,2\n" + f"{CELLS[1]},3,4\n"))
    with Lab().store() as store:
        store.add(measurement(CELLS[2], samples=True, device="rpi4", threads=1))
        store.add(measurement(CELLS[2], samples=True, device="rpi4", threads=4))


@pytest.mark.usefixtures("filled")
class TestRemove:
    def left(self, capsys):
        return sorted((row["device"], row["condition"]) for row in stored(capsys))

    def test_a_device(self, capsys):
        said = told(capsys, "remove", "--device", "rpi4", "--yes")
        assert "rpi4, nb201, published: 2 measurements" in said
        assert "4 measurements removed" in said
        assert self.left(capsys) == [("tpu", "published")] * 2

    def test_a_condition(self, capsys):
        told(capsys, "remove", "--device", "rpi4", "--threads", "4", "--yes")
        assert len(self.left(capsys)) == 5
        (found,) = Lab().dataset.find("rpi4", wanted={"threads": 1}, samples=True)
        assert found.blocks

    def test_published_ones(self, capsys):
        told(capsys, "remove", "--device", "rpi4", "--runtime", "published", "--yes")
        assert len(self.left(capsys)) == 4

    def test_dry_run(self, capsys):
        said = told(capsys, "remove", "--device", "rpi4", "--dry-run")
        assert "nothing was removed" in said
        assert len(self.left(capsys)) == 6

    def test_nobody_to_ask(self, capsys, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO())
        assert "--yes" in told(capsys, "remove", "--device", "rpi4", status=2)
        assert len(self.left(capsys)) == 6

    @pytest.mark.parametrize(
        ("words", "said", "status"),
        [
            (["--device", "rpi"], "did you mean 'rpi4'", 2),
            (["--device", "rpi4", "--space", "nb20"], "did you mean 'nb201'", 2),
            (["--device", "rpi4", "--threads", "9"], "measured with threads 9", 4),
            (["--device", "../.."], "cannot be the name", 2),
        ],
    )
    def test_what_is_not_there(self, capsys, words, said, status):
        assert said in told(capsys, "remove", *words, "--yes", status=status)
        assert len(self.left(capsys)) == 6

    def test_an_export_of_an_unknown_device(self, capsys, tmp_path):
        path = tmp_path / "x.csv"
        assert "did you mean 'rpi4'" in told(
            capsys, "export", str(path), "--device", "rpi", status=2
        )
        assert not path.exists()

    def test_a_name_of_before_can_be_removed(self, capsys, tmp_path):
        from sqlalchemy import text

        with Lab().store() as store, store._engine.begin() as connection:
            connection.execute(text("UPDATE condition SET device = '../..' WHERE device = 'tpu'"))
        told(capsys, "remove", "--device", "../..", "--yes")
        assert {device for device, _ in self.left(capsys)} == {"rpi4"}


class TestNamesInPython:
    @pytest.mark.parametrize("name", ["../..", "a/b", "", "x\x1b[5m", "rpi4@2"])
    def test_no_device_is_called_so(self, name):
        dataset = Lab().dataset
        for asked in (
            lambda: list(dataset.find(device=name)),
            lambda: dataset.export("x.csv", device=name),
            lambda: dataset.require(name, None),
            lambda: dataset.remove(name),
        ):
            with pytest.raises(UsageError, match="cannot be the name of a device"):
                asked()

    def test_nothing_is_stored_of_what_no_device_is_called(self):
        lab = Lab()
        wrong = replace(measurement(), condition=changed(device="../.."))
        with lab.store() as store, pytest.raises(StoreError, match="cannot be the name"):
            store.add(wrong)
        assert lab.dataset.summary() == []


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_the_space_of_an_export_is_not_chosen(filled, tmp_path, capsys, suffix):
    path = str(tmp_path / f"export{suffix}")
    assert run(["dataset", "export", path]) == 0
    said = told(capsys, "import", path, "--space", "nb201", status=2)
    assert "is an export, which says itself what is in it" in said
    assert "--space" in said
