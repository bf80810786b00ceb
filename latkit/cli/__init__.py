"""The command line: ``stdout`` is data, ``stderr`` is progress, hints and errors.

Command modules are imported when they are needed, and import their own heavy parts when they
run, so that ``latkit --help`` and tab completion stay instant.
"""

from __future__ import annotations

import difflib
import importlib
import sys

import click

from latkit import __version__
from latkit.cli import failure, terminal

COMMANDS = (
    "measure",
    "adapt",
    "predict",
    "validate",
    "compare",
    "export",
    "device",
    "dataset",
    "space",
    "tasks",
)
TRAINING = ("pretrain", "evaluate")


class LazyGroup(click.Group):
    """A group whose commands live in modules of the same name beside this file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *TRAINING]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"latkit.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.list_commands(ctx) and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else " See 'latkit --help'."
            raise click.UsageError(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


EPILOG = """\b
Start here:
  latkit measure --device local --n 20             time 20 networks on this computer
  latkit adapt --device local                      learn this computer from them
  latkit space sample nb201 | latkit predict -     milliseconds for any other network

A board works the same way: 'latkit device list' shows the profiles,
'latkit device check rpi4' says what is missing on it."""


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
)
@click.version_option(__version__, message="latkit %(version)s")
@click.option("--debug", is_flag=True, help="Say how hosts are reached; show tracebacks.")
def cli(debug: bool) -> None:
    """Measure a handful of networks on a board, and know the latency of all the others."""


def main() -> None:
    """Run the command line; every failure becomes one message and its exit code."""
    terminal.keep_descriptors()
    try:
        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # once more, while the first was being told
        status = failure.INTERRUPTED
    sys.exit(terminal.close(status))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; ``--debug`` may stand anywhere in it."""
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    with terminal.guarded(), failure.warnings_told():
        if debug:
            _tell_more()
        try:
            status = cli.main(words, prog_name="latkit", standalone_mode=False, obj=words)
            sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as problem:
            return failure.told(problem, debug)
    return status if isinstance(status, int) else 0


def _tell_more() -> None:
    import logging

    logging.basicConfig(format="debug: %(message)s", force=True)
    logging.getLogger("latkit").setLevel(logging.INFO)
