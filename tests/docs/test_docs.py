"""The documentation names every command, and every command that it shows exists."""

import re
import shlex
from pathlib import Path

import click
import pytest

from latkit.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def leaves(command, path=()):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from leaves(command.get_command(context, name), (*path, name))
    else:
        yield path, command


COMMANDS = dict(leaves(cli))


def shown_commands():
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.S):
            for line in block.splitlines():
                for part in re.split(r"&&|\|(?!\|)", line):
                    words = shlex.split(part, comments=True)
                    if words[:1] == ["latkit"]:
                        yield pytest.param(words[1:], id=f"{page.name}: {' '.join(words)}")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_readme(path):
    readme = (ROOT / "README.md").read_text()
    group, *rest = path
    line = next((x for x in readme.splitlines() if x.startswith(f"| `latkit {group}")), "")
    assert line, f"latkit {group} is not in README's table of commands"
    assert all(word in line for word in rest), f"latkit {' '.join(path)} is not in README's table"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_says_what_it_is_for(path):
    command = COMMANDS[path]
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"latkit {' '.join(path)} {option.opts[0]} has no help"


@pytest.mark.parametrize("words", list(shown_commands()))
def test_shown_command_exists(words):
    command, path = cli, []
    while isinstance(command, click.Group):
        path.append(words[len(path)])
        command = command.get_command(click.Context(command), path[-1])
        assert command, f"there is no command {' '.join(path)}"
    known = {name for option in command.params for name in option.opts}
    options = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    assert set(options) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert [x for x in links if "://" not in x and not (page.parent / x).exists()] == []
