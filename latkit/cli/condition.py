"""The options that name a condition, the same for every command that takes them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from latkit.cli.number import at_least
from latkit.condition import ALL, PRECISIONS

Command = Callable[..., None]


def _processors(context: click.Context, option: click.Parameter, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return [] if text == ALL else [int(number) for number in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither numbers, as 4,5, nor 'all'") from None


def _options(default: str) -> dict[str, Callable[[Command], Command]]:
    """The options by name; ``default`` says what holds where one is not given."""
    return {
        "runtime": click.option(
            "--runtime", metavar="NAME", help=f"onnxruntime, tflite, torch, ... ({default})."
        ),
        "provider": click.option(
            "--provider", metavar="NAME", help=f"What it runs on ({default})."
        ),
        "precision": click.option(
            "--precision", type=click.Choice(PRECISIONS), help=f"Of the models ({default})."
        ),
        "threads": click.option("--threads", type=at_least(1), help=f"Threads ({default})."),
        "batch": click.option(
            "--batch", type=at_least(1), help=f"Images per inference ({default})."
        ),
        "affinity": click.option(
            "--affinity",
            metavar="CPUS",
            callback=_processors,
            help=f"Processors, as 4,5, or 'all' ({default}).",
        ),
        "state": click.option(
            "--state", metavar="NAME", help=f"Your name for clocks and power mode ({default})."
        ),
        "tune": click.option(
            "--tune/--no-tune", default=None, help="At full clocks, held by latkit (needs root)."
        ),
    }


ASKING = _options("default: the profile's")
CHOOSING = _options("default: any") | {
    "tune": click.option(
        "--tune/--no-tune", default=None, help="Held by latkit at full clocks, or not."
    )
}


def condition_options(command: Command) -> Command:
    """Add the options that ask for a condition; those given are passed as ``options``."""
    return _with(ASKING, command)


def choosing_conditions(command: Command) -> Command:
    """Add the same options where they choose among conditions that were measured."""
    return _with(CHOOSING, command)


def _with(options: dict[str, Callable[[Command], Command]], command: Command) -> Command:
    @functools.wraps(command)
    def collected(*arguments: Any, **given: Any) -> None:
        asked = {name: given.pop(name) for name in options}
        known = {name: value for name, value in asked.items() if value is not None}
        command(*arguments, options=known, **given)

    done: Command = collected
    for option in reversed(options.values()):
        done = option(done)
    return done
