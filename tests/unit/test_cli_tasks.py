"""``latkit tasks`` on a small dataset: ND's devices in two families, and a board of 30 networks."""

import csv
import json

import numpy as np
import pytest

from latkit.cli import run
from latkit.errors import UnknownNameError
from latkit.evaluation.tasks import PUBLISHED
from latkit.lab import Lab
from latkit.lab.tasks import all_tasks, find_task
from tests.unit.toy_task import ROWS, SPACE, latencies

pytest.importorskip("networkx", reason="the extra 'evaluate' is not installed")

ND = PUBLISHED["ND"]
ABSENT = ND.targets[0]
ALIKE = (*ND.sources, *ND.targets[1:])
"""Every other device is of the one family, or the other."""


@pytest.fixture
def dataset(tmp_path, capsys):
    columns = {d: latencies(("twin", "odd")[i % 2], seed=i) for i, d in enumerate(ALIKE)}
    columns["board"] = np.where(np.arange(len(ROWS)) < 30, latencies("slow"), np.nan)
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arch", *columns])
        for row, values in zip(ROWS[:120], zip(*columns.values(), strict=True), strict=False):
            words = ["" if np.isnan(value) else value for value in values]
            writer.writerow([SPACE.from_indices(row).key, *words])
    assert run(["dataset", "import", str(path)]) == 0
    capsys.readouterr()


def make(*arguments):
    return run(["tasks", "make", "mine", "--sources", "3", "--targets", "2", *arguments])


def document(capsys, *arguments):
    assert run(["tasks", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("dataset")
class TestTasks:
    def test_list_names_what_is_missing(self, capsys):
        rows = {row["task"]: row for row in document(capsys, "list")}
        assert rows["ND"]["missing"] == [ABSENT]
        assert (rows["ND"]["kind"], rows["ND"]["sources"], rows["ND"]["targets"]) == ("paper", 9, 6)
        assert rows["F-phone"]["kind"] == "family"
        assert len(rows["FA"]["missing"]) == 19

    def test_list_for_people(self, capsys):
        assert run(["tasks", "list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert next(line for line in lines if line.startswith("ND ")).split()[-1] == ABSENT
        assert next(line for line in lines if line.startswith("FA ")).endswith("all of them")

    def test_show(self, capsys):
        shown = document(capsys, "show", "ND")
        assert shown["missing"] == [ABSENT]
        assert shown["networks_in_common"] == 120
        assert shown["runnable"]
        target = next(row for row in shown["targets"] if row["device"] == "fpga")
        family = ALIKE.index("fpga") % 2
        assert ALIKE.index(target["nearest"]) % 2 == family
        assert target["spearman"] == max(shown["correlations"]["fpga"].values())

    def test_show_for_people(self, capsys):
        assert run(["tasks", "show", "ND"]) == 0
        shown = capsys.readouterr()
        assert "nearest source" in shown.out
        assert f"the dataset lacks {ABSENT}" in shown.err
        assert "120 nb201 networks in common" in shown.err

    def test_show_a_task_that_cannot_be_run(self, capsys):
        assert run(["tasks", "show", "FD"]) == 0
        assert "too few devices" in capsys.readouterr().err

    def test_make_separates_families_and_keeps_the_task(self, capsys):
        assert make() == 0
        shown = capsys.readouterr()
        assert "left out, for too few networks in common: board" in shown.err
        assert "latkit evaluate --task mine" in shown.err
        task = find_task(Lab(), "mine")
        assert task in all_tasks(Lab())
        assert (len(task.sources), len(task.targets)) == (3, 2)
        assert len({ALIKE.index(device) % 2 for device in task.sources}) == 1
        assert len({ALIKE.index(device) % 2 for device in (*task.sources, *task.targets)}) == 2
        assert document(capsys, "list")[-1]["kind"] == "own"

    def test_make_among_devices_that_are_named(self, capsys):
        chosen = ALIKE[:5]
        assert make(*(word for device in chosen for word in ("--device", device))) == 0
        assert {*find_task(Lab(), "mine").sources, *find_task(Lab(), "mine").targets} == set(chosen)

    def test_make_overwrites_nothing(self, capsys, tmp_path):
        assert make() == 0
        before = find_task(Lab(), "mine")
        assert make("--seed", "1") == 2
        assert f"delete {tmp_path / 'data' / 'tasks' / 'mine.json'}" in capsys.readouterr().err
        assert find_task(Lab(), "mine") == before

    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [
            (["make", "ND"], 2, "there is a task ND already"),
            (["make", "n-PHONE"], 2, "there is a task N-phone already"),
            (["make", "../x"], 2, "'../x' cannot name a task"),
            (["make", "x", "--space", "nb21"], 2, "did you mean 'nb201'"),
            (["make", "x", "--space", "fbnet"], 2, "there are 0 with 50 fbnet architectures"),
            (["make", "x", "--sources", "1"], 2, "Invalid value"),
            (["make", "x", "--sources", "20"], 2, "ask for fewer"),
            (["make", "x", "--device", "nope"], 4, "no usable nb201 latencies of nope"),
            (["show", "NX"], 2, "latkit tasks list"),
            (["show", "../../etc/passwd"], 2, "unknown task"),
        ],
    )
    def test_mistakes(self, capsys, arguments, status, message):
        assert run(["tasks", *arguments]) == status
        shown = capsys.readouterr().err
        assert message in shown
        assert "Traceback" not in shown

    def test_a_device_with_too_few_networks_is_named(self, capsys):
        devices = ("board", *ALIKE[:4])
        assert make(*(word for device in devices for word in ("--device", device))) == 4
        shown = capsys.readouterr().err
        assert "5 devices have 30 architectures in common" in shown
        assert "leave out board" in shown

    def test_a_damaged_file_is_named(self, capsys, tmp_path):
        assert make() == 0
        (tmp_path / "data" / "tasks" / "mine.json").write_text("{}")
        assert run(["tasks", "list"]) == 2
        assert "mine.json is no task" in capsys.readouterr().err


def test_an_empty_dataset(capsys):
    assert all(row["missing"] for row in document(capsys, "list"))
    assert document(capsys, "show", "ND")["networks_in_common"] == 0


def test_unknown_names_find_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        find_task(Lab(), "N-phones")
    assert "N-phone" in caught.value.hint
