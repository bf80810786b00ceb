"""What is read out of what devices and their shells say."""

from __future__ import annotations

import itertools
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.devices.transport.last_words import LIMIT, last_words
from latkit.devices.transport.login_shell import Order, killing, status, usurper
from latkit.devices.transport.marked import Marked
from latkit.devices.transport.shell_files import beside, free_bytes

MARK = "mark-mark-m"


def pieces(content: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[a:b] for a, b in itertools.pairwise(places)]


@given(
    before=st.text("mark- \n").map(str.encode),
    after=st.text("mark- \n").map(str.encode),
    cuts=st.lists(st.integers(0, 1000)),
)
def test_a_mark_is_found_wherever_it_stands(before: bytes, after: bytes, cuts: list[int]):
    marked = Marked(MARK)
    content = before + f"{MARK} 42\n".encode() + after
    given_back = b"".join(marked.before(piece) for piece in pieces(content, cuts)) + marked.rest()
    if f"{MARK} ".encode() in before:
        return
    assert marked.value == "42"
    assert given_back == before


@given(content=st.binary(), cuts=st.lists(st.integers(0, 1000)))
def test_a_stream_without_a_mark_is_whole(content: bytes, cuts: list[int]):
    marked = Marked(MARK)
    given_back = b"".join(marked.before(piece) for piece in pieces(content, cuts)) + marked.rest()
    assert given_back == content
    assert marked.value is None


def test_a_mark_without_end_is_not_kept():
    marked = Marked(MARK)
    passed_on = b"".join(marked.before(b"x" * 1000) for _ in range(3))
    marked.before(f"{MARK} ".encode())
    passed_on += b"".join(marked.before(b"y" * 1000) for _ in range(3))
    assert len(passed_on) <= 6000
    assert len(marked.rest()) < 100


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)))
def test_every_argument_reaches_the_command(argv: list[str]):
    line = Order(("printf", "%s\\0", "", *argv)).line
    said = subprocess.run(
        ["sh", "-c", line], input=b"sh -c 'never run'\nlatkit-go\n", capture_output=True
    )
    _, _, output = said.stdout.partition(b"\n")
    assert output.decode().split("\0")[1:-1] == argv
    assert said.stderr.startswith(b"latkit-end-")


def test_nothing_runs_before_it_is_told_to():
    line = Order(("echo", "run")).line
    said = subprocess.run(["sh", "-c", line], input=b"", capture_output=True)
    assert b"run" not in said.stdout


@given(st.text())
def test_last_words_govern_no_terminal(said: str):
    words = last_words(said)
    assert len(words) <= LIMIT
    assert words.isprintable() or not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in words)


@given(st.text())
def test_any_status_is_understood(value: str):
    assert isinstance(status(value), int)


@pytest.mark.parametrize(
    ("value", "expected"), [("0", 0), ("255", 255), ("139", -11), ("137", -9), ("x", -1), ("", -1)]
)
def test_a_status_names_a_signal(value: str, expected: int):
    assert status(value) == expected


@pytest.mark.parametrize("group", ["", "0", "1", "-1", "x", "2; reboot", "²"])
def test_what_is_no_group_of_ours_is_not_killed(group: str):
    assert killing(group) is None


def test_who_repeats_the_question_is_no_shell():
    assert usurper(b"""sh -c 'echo "latkit-shell $(cat /proc/$PPID/comm)"'\n""") is None
    assert usurper(b"Welcome\nlatkit-shell fish\n") == "fish"
    assert usurper(b"latkit-shell \n") == "another one"


def test_free_space_is_read_where_the_device_has_a_strange_name():
    assert free_bytes("h\nmy disk 100 96 4 96% /a b\n") == 4096
    assert free_bytes("df: not found") is None


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=255))
def test_a_temporary_name_is_in_the_same_folder(name: str):
    first, second = beside(f"/a/{name}"), beside(f"/a/{name}")
    assert first != second
    assert first.rpartition("/")[0] == "/a"
