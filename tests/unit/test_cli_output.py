import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.cli.output import Column, milliseconds, ms_column, show, show_json

ROWS = [{"arch": "|a~0|", "ms": 3.14159, "n": 1}, {"arch": "[b]", "ms": None, "n": 20}]
COLUMNS = [Column("arch", "architecture", shrink="cut"), ms_column("ms", "ms")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0314159, "0.03142"),
        (3.14159, "3.142"),
        (314.159, "314.2"),
        (31415.9, "31416"),
        (6e-9, "0.000000006000"),
    ],
)
def test_milliseconds_keep_four_digits(value, text):
    assert milliseconds(value) == text


@given(st.floats(1e-9, 1e7))
def test_milliseconds_never_lose_more_than_rounding(value):
    assert float(milliseconds(value)) == pytest.approx(value, rel=0.06)


def test_plain_table_is_aligned_and_marks_what_is_absent(capsys):
    show(ROWS, COLUMNS, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    words = [line.split() for line in lines]
    assert words == [["architecture", "ms"], ["|a~0|", "3.142"], ["[b]", "–"]]
    assert len({len(line) for line in lines}) == 1


def test_rich_table_fits_a_narrow_terminal_and_keeps_numbers_whole(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout", terminal)
    long = [{"arch": "|nor_conv_3x3~0|" * 6, "ms": 12.345}]
    show(long, COLUMNS, as_json=False)
    text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert max(map(len, text.splitlines())) <= 40
    assert "12.35" in text or "12.34" in text  # 12.345 has no exact binary form
    assert "…" in text


def test_json_has_null_for_what_is_not_a_number(capsys):
    show_json({"a": float("nan"), "b": [1.5, float("inf")], "c": (1,)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5, None], "c": [1]}
