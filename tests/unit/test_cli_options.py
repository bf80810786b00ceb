"""No option is taken that changes nothing: given twice, empty, or beside one that overrules it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from latkit.cli import cli, run
from latkit.cli.command import Command

NB201 = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def walk(
    command: click.Command = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group there is, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


COMMANDS = [(path, one) for path, one in walk() if not isinstance(one, click.Group)]
GROUPS = [one for _, one in walk() if isinstance(one, click.Group)]


def value_of(option: click.Option) -> list[str]:
    """A value that the option's type takes."""
    if option.is_flag:
        return []
    if isinstance(option.type, click.Choice):
        return [str(option.type.choices[0])]
    return ["5"]


SINGLE = [
    (path, option)
    for path, command in COMMANDS
    for option in command.params
    if isinstance(option, click.Option) and not option.multiple
]
VALUED = [(path, option) for path, option in SINGLE if not option.is_flag]


def test_all_commands_are_of_one_class():
    assert all(isinstance(command, Command) for _, command in COMMANDS)


@pytest.mark.parametrize(
    ("path", "option"), VALUED, ids=[f"{' '.join(path)} {o.opts[0]}" for path, o in VALUED]
)
def test_an_empty_option_is_refused(capsys, path, option):
    assert run([*path, option.opts[0], ""]) == 2
    assert f"{max(option.opts, key=len)} is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["predict", ""], ["dataset", "export", ""], ["device", "show", ""]], ids=" ".join
)
def test_an_empty_argument_is_refused(capsys, words):
    assert run(words) == 2
    assert " is empty" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["pretrain", "--device", "a", "--device", ""]], ids=" ".join)
def test_one_empty_value_of_several_is_refused(capsys, words):
    assert run(words) == 2
    assert "--device is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "option"), SINGLE, ids=[f"{' '.join(path)} {o.opts[0]}" for path, o in SINGLE]
)
def test_an_option_given_twice_is_refused(capsys, path, option):
    once = [option.opts[0], *value_of(option)]
    assert run([*path, *once, *once]) == 2
    assert f"{max(option.opts, key=len)} is given twice" in capsys.readouterr().err


def test_an_option_and_its_opposite_are_one(capsys):
    assert run(["adapt", "--device", "local", "--tune", "--no-tune"]) == 2
    assert "--tune is given twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("measure --device local --archs {archs} --n 5", "--n"),
        ("measure --device local --archs {archs} --sampler random", "--sampler"),
        ("measure --device local --archs {archs} --space nb201", "--space"),
        ("adapt --device local --sampler random", "--sampler"),
        ("adapt --device local --seed 3", "--seed"),
        ("validate --device local --rows --json", "--rows"),
        ("compare a b --rows --json", "--rows"),
        ("dataset verify --rows --json", "--rows"),
        ("evaluate --dask tcp://127.0.0.1:1 --jobs 2", "--jobs"),
    ],
)
def test_an_option_without_effect_is_refused(capsys, tmp_path, words, option):
    archs = tmp_path / "archs.json"
    archs.write_text(json.dumps({"space": "nb201", "arch": NB201}))
    assert run(words.format(archs=archs).split()) == 2
    assert f"{option} has no effect here: " in capsys.readouterr().err


def test_a_default_is_no_option_that_was_given(capsys, tmp_path):
    archs = tmp_path / "archs.json"
    archs.write_text("[")
    assert run(["measure", "--device", "local", "--archs", str(archs)]) == 2
    assert "no effect" not in capsys.readouterr().err


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: str(group.name))
def test_no_summary_of_a_command_is_cut_off(group):
    _, listed = group.get_help(click.Context(group, terminal_width=80)).split("\nCommands:\n")
    assert [line for line in listed.splitlines() if line.endswith("...")] == []
