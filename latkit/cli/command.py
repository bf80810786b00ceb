"""What all commands have in common: nothing is taken that was typed in vain."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import click
from click.core import ParameterSource


class Command(click.Command):
    """A command that refuses an option which is given twice and takes one value, and empty ones.

    Where a shell's variable is not set, its option would count as not given.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            values, _, given = self.make_parser(ctx).parse_args(args=list(args))
            options = [param for param in given if isinstance(param, click.Option)]
            _refuse_repeated(ctx, options)
            _refuse_empty(ctx, values, given)
        return super().parse_args(ctx, args)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def _refuse_repeated(ctx: click.Context, given: list[click.Option]) -> None:
    for option in dict.fromkeys(given):
        once = not (option.multiple or option.count or option.is_eager)
        if once and given.count(option) > 1:
            raise click.UsageError(f"{_name(option)} is given twice: which one counts?", ctx)


def _refuse_empty(
    ctx: click.Context, values: Mapping[str, Any], given: Iterable[click.Parameter]
) -> None:
    for param in given:
        value = values[str(param.name)]
        if param.nargs == 1 and (value == "" or (param.multiple and "" in value)):
            name = _name(param) if isinstance(param, click.Option) else param.human_readable_name
            raise click.UsageError(f"{name} is empty", ctx)


def in_vain(why: str, *names: str) -> None:
    """Refuse options of the command under way that change nothing.

    Args:
        why: what makes them change nothing.
        names: parameters of the command; those that were not typed are fine.

    Raises click.UsageError naming the first that was typed.
    """
    context = click.get_current_context()
    for option in context.command.params:
        typed = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        if option.name in names and typed:
            raise click.UsageError(f"{_name(option)} has no effect here: {why}", context)


def typed(*more: str) -> str:
    """The command line under way, and more words, to be typed again."""
    return shlex.join(["latkit", *click.get_current_context().obj, *more])


def _name(option: click.Parameter) -> str:
    return max(option.opts, key=len)
