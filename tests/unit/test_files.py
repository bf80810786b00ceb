import os
import stat

import pytest

from latkit.errors import LatkitError
from latkit.files import append_private, private_folder, replacing, write_whole


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


def test_what_lies_in_the_way_is_not_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda _bytes: "known")
    victim = tmp_path / "victim"
    victim.write_text("of somebody")
    (tmp_path / ".file.known.part").symlink_to(victim)
    with pytest.raises(LatkitError, match="cannot write"):
        write_whole(tmp_path / "file", b"content")
    assert victim.read_text() == "of somebody"


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_who_may_read_what(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "exported", b"")
        write_whole(tmp_path / "private", b"", private=True)
        append_private(tmp_path / "appended").close()
        private_folder(tmp_path / "one" / "two")
    finally:
        os.umask(before)
    assert permissions(tmp_path / "exported") == 0o666 & ~umask
    assert permissions(tmp_path / "private") == 0o600
    assert permissions(tmp_path / "appended") == 0o600
    assert permissions(tmp_path / "one") == permissions(tmp_path / "one" / "two") == 0o700


def test_what_somebody_has_widened_stays_wide(tmp_path):
    tmp_path.chmod(0o755)
    private_folder(tmp_path / "below")
    assert permissions(tmp_path) == 0o755


def test_a_link_in_place_of_a_journal_is_not_followed(tmp_path):
    (tmp_path / "journal").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        append_private(tmp_path / "journal")
    assert not (tmp_path / "victim").exists()
