"""What a profile may say of a benchmark program."""

from __future__ import annotations

from typing import Any

import pytest

from latkit.devices import profile as profiles
from latkit.devices.profile import create
from latkit.errors import UsageError

COMMAND: dict[str, Any] = {
    "words": ["timer", "--model={model}", "-t{threads}", "{batch}"],
    "format": "onnx",
    "yields": "median",
    "pattern": r"median (?P<latency>\d+)",
    "unit": "ms",
}


def command(**changes: Any):
    values = {"name": "board", "runtime": "command", "command": {**COMMAND, **changes}}
    return create(values).command


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"words": []}, "command.words: tuple should have at least 1 item"),
        ({"words": "timer {model}"}, "command.words: input should be a valid tuple"),
        ({"words": ["timer"]}, "command: no word of words has the placeholder {model}"),
        ({"words": ["timer", "{modle}", "{model}"]}, "there is no placeholder {modle}, only"),
        ({"format": "pt"}, "command.format: input should be 'onnx' or 'tflite'"),
        ({"yields": "p99"}, "command.yields: input should be 'samples', 'median' or 'mean'"),
        ({"pattern": None}, "needs either pattern or json_path"),
        ({"json_path": "a.b"}, "needs either pattern or json_path"),
        ({"pattern": None, "json_path": "a..b"}, "command.json_path: string should match"),
        ({"pattern": "("}, "pattern is no regular expression: missing ), unterminated"),
        ({"pattern": r"\d+"}, "pattern has no group (?P<latency>...)"),
        ({"unit": None}, "needs unit, or a group (?P<unit>...) in pattern"),
        ({"unit": "min"}, "command.unit: input should be"),
        ({"shell": True}, "command.shell: no such field"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str):
    with pytest.raises(UsageError) as caught:
        command(**changes)
    assert said in caught.value.message


def test_a_unit_may_stand_in_the_output():
    assert command(pattern=r"(?P<latency>\d+) (?P<unit>us|ms)", unit=None).unit is None


def test_command_and_runtime_belong_together():
    with pytest.raises(UsageError, match=r"needs a table \[command\]"):
        create({"name": "board", "runtime": "command"})
    with pytest.raises(UsageError, match="no meaning without runtime = 'command'"):
        create({"name": "board", "command": COMMAND})


def test_the_runner_is_told_threads_and_batch():
    program = command().program(threads=4, batch=2)
    assert program["words"] == ["timer", "--model={model}", "-t4", "2"]


def test_other_options_are_another_runtime():
    names = [
        command(words=["/opt/bin/timer", "{model}", option]).program(threads=1, batch=1)["name"]
        for option in ("--fp16", "--fp16", "--int8")
    ]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("timer:")
    # Threads and batch are fields of the setting anyway.
    assert (
        command().program(threads=4, batch=1)["name"]
        == command().program(threads=1, batch=1)["name"]
    )


def test_added_profiles_come_back(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LATKIT_CONFIG_DIR", str(tmp_path))
    mine = create({"name": "board", "runtime": "command", "command": COMMAND, "threads": 2})
    profiles.add(mine)
    assert profiles.load("board") == mine


def test_a_wrong_field_is_named_with_its_line(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LATKIT_CONFIG_DIR", str(tmp_path))
    (tmp_path / "devices").mkdir()
    text = "runtime = 'command'\n\n[command]\nwords = ['x', '{model}']\nformat = 'x'\n"
    (tmp_path / "devices" / "board.toml").write_text(text)
    with pytest.raises(UsageError, match=r"line 5: command\.format: input should be"):
        profiles.load("board")
