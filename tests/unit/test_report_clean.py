"""What anybody says is shown as what it is, and steers nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.report.clean import clean, one_line

STEERING = {
    "escape": "\x1b[2J",
    "carriage return": "\rsafe",
    "backspace": "\b\b\b",
    "bell": "\x07",
    "delete": "\x7f",
    "C1 control sequence": "\x9b31m",
    "C1 operating system command": "\x9d0;title\x9c",
    "next line": "\x85",
    "bidi override": "\u202e",
    "bidi isolate": "\u2066",
    "right-to-left mark": "\u200f",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "line separator": "\u2028",
    "tag": "\U000e0041",
    "variation selector": "\ufe0f",
    "hangul filler": "\u3164",
    "soft hyphen": "\xad",
    "lone surrogate": "\udc80",
    "null": "\x00",
}


@pytest.mark.parametrize("text", STEERING.values(), ids=STEERING)
def test_what_steers_a_terminal_is_escaped(text):
    shown = clean(f"a{text}b")
    assert shown[0] == "a"
    assert shown[-1] == "b"
    assert shown.isascii()
    assert shown.isprintable()
    assert "\\" in shown


@pytest.mark.parametrize("text", ["plain", "19 °C ± 3 µm, λ – “so”", "日本語", "a\nb", "[red]"])
def test_what_is_plain_stays(text):
    assert clean(text) == text


def test_what_devices_really_send_is_readable():
    assert clean("one\r\ntwo\tthree") == "one\ntwo three"
    assert one_line("Traceback:\r\n  File x\n\nValueError ") == "Traceback: File x ValueError"


@given(st.text(st.characters()))
def test_no_text_steers_a_terminal(text):
    shown = clean(text)
    assert all(char == "\n" or unicodedata.category(char)[0] != "C" for char in shown)
    assert clean(shown) == shown
    assert one_line(text).isprintable()
    shown.encode()
