"""A program that holds something, among programs that say too much, the wrong thing or nothing."""

from __future__ import annotations

import sys
from typing import Literal

import pytest
from pydantic import BaseModel

from latkit.devices import held
from latkit.devices.held import Held
from latkit.devices.transport.local import LocalTransport
from latkit.errors import LatkitError, RemoteCommandError

WAIT_S = 20.0
READY = "import json, sys; say = lambda word: print(json.dumps({'state': word}), flush=True)\n"


class Word(BaseModel):
    state: Literal["ready", "beaten", "over"]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("latkit.devices.transport.process.CLOSE_GRACE_S", 0.5)
    monkeypatch.setattr("latkit.devices.transport.process.QUIET_S", 0.2)


def program(script: str) -> Held:
    return Held(LocalTransport(), [sys.executable, "-c", READY + script], "held")


def test_it_is_silent_while_it_holds_and_ends_with_its_input():
    with program("say('ready'); sys.stdin.read(); say('over')") as holding:
        assert holding.answer(Word, WAIT_S).state == "ready"
        assert holding.last_word(0.1) is None
    assert holding._process.close() == 0


def test_it_hears_a_heartbeat(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(held, "HEARTBEAT_S", 0.05)
    with program("say('ready'); sys.stdin.readline() == '\\n' and say('beaten')") as holding:
        holding.answer(Word, WAIT_S)
        assert holding.answer(Word, WAIT_S).state == "beaten"


def test_it_is_asked_to_end_and_says_how_that_went():
    with program("say('ready'); sys.stdin.readline() == 'end\\n' and say('over')") as holding:
        holding.answer(Word, WAIT_S)
        assert holding.end(Word, WAIT_S).state == "over"


def test_one_that_has_ended_is_noticed():
    with program("say('ready'); say('over')") as holding:
        holding.answer(Word, WAIT_S)
        assert holding.last_word(WAIT_S) == b'{"state": "over"}'
        assert holding.last_word(WAIT_S) == b""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("", "cannot be held: the program there ended without an answer"),
        ("sys.exit('no such thing')", "ended without an answer: no such thing"),
        ("print('Welcome!', flush=True); sys.stdin.read()", "answered b'Welcome!'"),
        ("say('something else'); sys.stdin.read()", "answered b'{.*something else"),
        ("print('[]', flush=True); sys.stdin.read()", "answered"),
        ("sys.stdin.read()", "gave no answer within 0.5 s"),
    ],
)
def test_what_is_no_answer_says_why(script: str, said: str):
    timeout_s = 0.5 if script == "sys.stdin.read()" else WAIT_S
    with program(script) as holding, pytest.raises(RemoteCommandError, match=said) as caught:
        holding.answer(Word, timeout_s)
    assert "Python 3.8" in (caught.value.hint or "")


def test_a_line_without_end_is_not_read_to_its_end():
    with (
        program("while True: sys.stdout.write('x' * 65536)") as holding,
        pytest.raises(LatkitError, match="more than"),
    ):
        holding.answer(Word, WAIT_S)
