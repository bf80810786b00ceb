import json
from dataclasses import asdict

import pytest

from latkit.errors import StoreError, UsageError
from latkit.evaluation.task_file import check_name, read, write
from latkit.evaluation.tasks import Task

TASK = Task("mine", "nb201", ("a", "b"), ("c",))
RECORD = json.loads(json.dumps(asdict(TASK)))


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "tasks" / "mine.json"
    write(TASK, path)
    assert read(path) == TASK
    assert [file.name for file in path.parent.iterdir()] == ["mine.json"]


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "tasks").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot write .*mine\.json"):
        write(TASK, tmp_path / "tasks" / "mine.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no task"),
        ("[" * 100_000, "is no task"),
        ("[1]", "must have the keys"),
        (json.dumps({**RECORD, "extra": 1}), "must have the keys"),
        (json.dumps({**RECORD, "name": "other"}), "not that of the file, 'mine'"),
        (json.dumps({**RECORD, "space": "nb21"}), "unknown space 'nb21'"),
        (json.dumps({**RECORD, "sources": "ab"}), "sources must be a list of device names"),
        (json.dumps({**RECORD, "sources": ["a", 1]}), "sources must be a list of device names"),
        (json.dumps({**RECORD, "sources": ["a"]}), "at least 2 sources and a target"),
        (json.dumps({**RECORD, "targets": []}), "at least 2 sources and a target"),
        (json.dumps({**RECORD, "targets": ["c", "c"]}), "targets names a device twice"),
        (json.dumps({**RECORD, "targets": ["a"]}), "sources and targets share a"),
    ],
)
def test_a_file_that_is_no_task(tmp_path, text, message):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert "delete it" in caught.value.hint


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is no task"):
        read(path)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-n", "a b", "x" * 41, "a\n"])
def test_names_that_cannot_be(name):
    with pytest.raises(UsageError, match="cannot name a task"):
        check_name(name)
