import pytest

from latkit.errors import LatkitError
from latkit.files import replacing, write_whole


def test_what_was_there_stays_until_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_whatever_fails_is_raised_and_leaves_nothing(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("a part")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        fail(temporary)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_meet(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as one, replacing(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["absent/file", "file/below", "folder", "n" * 300])
def test_what_cannot_be_written_is_one_message(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("of somebody")
    with pytest.raises(LatkitError, match="cannot write"):
        write_whole(tmp_path / name, b"content")
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}
