"""``latkit evaluate`` on a small dataset of ND's devices."""

import csv
import json

import pytest

from latkit.cli import run
from latkit.evaluation.tasks import PUBLISHED
from tests.unit.toy_task import ROWS, SPACE, latencies

ND = PUBLISHED["ND"]
QUICK = ["--method", "flops", "--n", "3", "--n", "10", "--seeds", "2", "--jobs", "1"]


def imported(tmp_path, devices):
    kinds = ("twin", "slow", "target")
    columns = [latencies(kinds[i % 3], seed=i) for i in range(len(devices))]
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arch", *devices])
        for row, values in zip(ROWS[:120], zip(*columns, strict=True), strict=False):
            writer.writerow([SPACE.from_indices(row).key, *values])
    assert run(["dataset", "import", str(path)]) == 0


@pytest.fixture
def dataset(tmp_path, capsys):
    imported(tmp_path, (*ND.sources, *ND.targets))
    capsys.readouterr()


@pytest.mark.usefixtures("dataset")
class TestEvaluate:
    def test_json(self, capsys):
        assert run(["evaluate", "--task", "ND", *QUICK, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert [(row["task"], row["n"], row["seeds"]) for row in document["rows"]] == [
            ("ND", 3, 2),
            ("ND", 10, 2),
        ]
        assert 0 < document["rows"][0]["spearman"] <= 1
        assert document["rows"][0]["coverage"] is None

    def test_what_cannot_be_run_is_named(self, capsys):
        assert run(["evaluate", *QUICK]) == 0
        shown = capsys.readouterr()
        assert "task FD: not run: the dataset lacks" in shown.err
        assert "embedded_tpu_edge_tpu_int8" in shown.err
        assert "flops" in shown.out

    def test_a_report(self, capsys, tmp_path):
        pytest.importorskip("matplotlib")
        page = tmp_path / "results.md"
        arguments = ["evaluate", "--task", "ND", *QUICK, "--per-device", "-o", str(page)]
        assert run(arguments) == 0
        assert "| ND | fpga | flops |" in page.read_text()
        assert json.loads(page.with_suffix(".json").read_text())["rows"]
        assert page.with_suffix(".svg").exists()

    def test_again_is_at_once_and_the_same(self, capsys):
        arguments = ["evaluate", "--task", "ND", *QUICK]
        assert run(arguments) == 0
        first = capsys.readouterr()
        assert run(arguments) == 0
        second = capsys.readouterr()
        assert second.out == first.out
        assert "trying" in first.err
        assert "trying" not in second.err

    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [
            (["--task", "NX"], 2, "unknown task 'NX'"),
            (["--method", "baes"], 2, "did you mean 'bayes'"),
            (["--sampler", "randm"], 2, "did you mean 'random'"),
            (["--task", "F1", *QUICK], 4, "lacks"),
            (["--task", "ND", *QUICK, "--n", "120"], 4, "leave none to predict"),
            (["--task", "ND", *QUICK, "-o", "/nowhere/x.md"], 2, "cannot write to /nowhere/x.md"),
            (["--n", "2"], 2, "Invalid value"),
        ],
    )
    def test_mistakes(self, capsys, arguments, status, message):
        assert run(["evaluate", *arguments]) == status
        shown = capsys.readouterr().err
        assert message in shown
        assert "Traceback" not in shown


@pytest.mark.usefixtures("dataset")
class TestBundle:
    """A bundle that is given: it must know no target."""

    BAYES = ("--n", "5", "--seeds", "1", "--jobs", "1", "--bundle", "shipped")

    def test_one_that_knows_the_targets_is_refused(self, capsys):
        assert run(["evaluate", "--task", "ND", *self.BAYES]) == 2
        said = capsys.readouterr().err
        assert f"the bundle was trained on {sorted(ND.targets)[0]}" in said
        assert "hint: leave --bundle out" in said

    def test_other_methods_start_from_none(self, capsys):
        assert run(["evaluate", "--task", "ND", *self.BAYES, "--method", "flops"]) == 2
        assert "--bundle has no effect here" in capsys.readouterr().err

    def test_a_sampler_that_looks_is_shown_none(self, capsys):
        assert run(["evaluate", "--task", "ND", *self.BAYES, "--sampler", "optimal"]) == 2
        assert "shown one of the task's sources alone" in capsys.readouterr().err

    def test_devices_of_ones_own_are_tried(self, tmp_path, capsys):
        imported(tmp_path, ("my_1", "my_2", "my_3", "my_4"))
        make = ["tasks", "make", "own", "--sources", "2", "--targets", "2"]
        devices = [word for i in range(1, 5) for word in ("--device", f"my_{i}")]
        assert run([*make, *devices]) == 0
        capsys.readouterr()
        assert run(["evaluate", "--task", "own", *self.BAYES, "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert (row["method"], row["n"]) == ("bayes", 5)


def test_an_absent_device_is_named(tmp_path, capsys):
    imported(tmp_path, (*ND.sources, *ND.targets[1:]))
    assert run(["evaluate", "--task", "ND", *QUICK]) == 0
    assert f"task ND: run without {ND.targets[0]}" in capsys.readouterr().err


def test_an_empty_dataset(capsys):
    assert run(["evaluate", *QUICK]) == 4
    assert "latkit dataset import" in capsys.readouterr().err
