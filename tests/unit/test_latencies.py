import csv
import io
import json
import sys

import numpy as np
import pytest

from latkit.condition import Condition, Runtime
from latkit.errors import LatkitError, MissingDependency
from latkit.latencies import Latencies
from latkit.subjects import Subject

MEAN = np.array([1.0, 2.0, 0.1 + 0.2])


SUBJECTS = (Subject("nb201", "|a~0|"), Subject("nb201", 'quoted, "b"'), Subject("files", "ü"))
CONDITION = Condition("rpi4", Runtime("onnxruntime", "1.20"), threads=4, affinity=(2, 3))
FIGURES = ("mean_ms", "lower_ms", "upper_ms")


def made(mean=MEAN, subjects=SUBJECTS, condition=CONDITION):
    return Latencies(mean, mean / 2, mean * 2, subjects, condition)


def test_rows_are_plain():
    rows = made().rows()
    first = {"space": "nb201", "arch": "|a~0|", **CONDITION.values()}
    first |= {"condition": "onnxruntime 1.20, fp32, 4 threads, processors 2,3, batch 1"}
    assert rows[0] == first | {"mean_ms": 1.0, "lower_ms": 0.5, "upper_ms": 2.0}
    plain = (str, float, int, bool, list)
    assert all(type(value) in plain for row in rows for value in row.values())
    assert json.loads(json.dumps(rows)) == rows


def test_without_subjects_and_condition_there_are_figures_alone():
    found = made(subjects=(), condition=None)
    assert tuple(found.rows()[0]) == FIGURES
    assert found.to_csv().splitlines()[0] == "mean_ms,lower_ms,upper_ms"


def test_what_is_known_stands_before_the_figures():
    identity, condition = ("space", "arch"), tuple(CONDITION.row())
    assert tuple(made(condition=None).rows()[0]) == (*identity, *FIGURES)
    assert tuple(made(subjects=()).rows()[0]) == (*condition, *FIGURES)
    assert tuple(made().rows()[0]) == (*identity, *condition, *FIGURES)


def test_nothing_at_all():
    nothing = Latencies(*(np.empty(0) for _ in range(3)))
    assert len(nothing) == 0
    assert nothing.rows() == []
    assert nothing.to_csv() == "mean_ms,lower_ms,upper_ms\n"


def test_csv_holds_the_rows_to_the_last_digit():
    rows = list(csv.DictReader(io.StringIO(made().to_csv(), newline="")))
    told = [row | {"affinity": "2,3"} for row in made().rows()]
    assert rows == [{name: str(value) for name, value in row.items()} for row in told]
    assert [[float(row[name]) for name in FIGURES] for row in rows] == [
        [row[name] for name in FIGURES] for row in made().rows()
    ]


def test_csv_is_written_as_it_is_returned(tmp_path):
    path = tmp_path / "predicted.csv"
    path.write_text("an older one")
    text = made().to_csv(path)
    assert path.read_bytes().decode("utf-8") == text == made().to_csv()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\t=1"])
def test_no_cell_of_csv_is_a_formula(text):
    condition = Condition("board", Runtime(text, text))
    found = made(subjects=tuple(Subject("nb201", text) for _ in SUBJECTS), condition=condition)
    for row in csv.DictReader(io.StringIO(found.to_csv())):
        assert row["arch"] == row["runtime"] == row["runtime_version"] == f"'{text}"


def test_csv_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("of somebody")
    for path in (tmp_path / "folder", tmp_path / "absent" / "p.csv", tmp_path / "file" / "p.csv"):
        with pytest.raises(LatkitError, match="cannot write"):
            made().to_csv(path)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}
    assert (tmp_path / "file").read_text() == "of somebody"


def test_a_frame_has_the_rows():
    pytest.importorskip("pandas", reason="the extra 'frame' is not installed")
    assert made().to_frame().to_dict("records") == made().rows()


def test_without_pandas_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependency) as caught:
        made().to_frame()
    assert "latkit[frame]" in caught.value.hint


@pytest.mark.parametrize("rows", [np.array([True, False, True]), np.array([0, 2])])
def test_some_are_taken_by_mask_or_by_number(rows):
    some = made().take(rows)
    np.testing.assert_array_equal(some.mean_ms, MEAN[[0, 2]])
    np.testing.assert_array_equal(some.upper_ms, 2 * MEAN[[0, 2]])
    assert some.subjects == (SUBJECTS[0], SUBJECTS[2])
    assert some.condition == CONDITION


def test_what_has_no_subjects_can_be_taken():
    assert made(subjects=()).take(np.array([2, 1])).mean_ms.tolist() == MEAN[[2, 1]].tolist()


@pytest.mark.parametrize(
    "arrays",
    [
        pytest.param((MEAN, MEAN[:2], MEAN), id="lengths differ"),
        pytest.param((MEAN[:, None],) * 3, id="two dimensions"),
        pytest.param((np.float64(1),) * 3, id="no dimension"),
    ],
)
def test_arrays_of_another_shape_are_refused(arrays):
    with pytest.raises(ValueError, match="one shape"):
        Latencies(*arrays)


def test_as_many_subjects_as_latencies():
    with pytest.raises(ValueError, match="2 subjects for 3 latencies"):
        made(subjects=SUBJECTS[:2])
