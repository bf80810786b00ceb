"""``latkit device``: which devices there are, and whether they are ready to be measured."""

from __future__ import annotations

from shlex import quote
from typing import Any

import click

from latkit.cli.command import Group
from latkit.cli.condition import condition_options
from latkit.cli.number import PORT, at_least
from latkit.cli.output import Column, json_option, next_step, note, show, show_json
from latkit.cli.terminal import put_line
from latkit.errors import DeviceUnreachable

UNREACHABLE = DeviceUnreachable.exit_code
HELD_S = 3600.0


@click.group(name="device", cls=Group)
def command() -> None:
    """List, describe, add, check and tune devices."""


@command.command("list")
@json_option
def list_devices(as_json: bool) -> None:
    """List the devices: profiles, and hosts of the ssh configuration."""
    from latkit.lab.device import profiles

    found = profiles()
    rows = [
        {
            "name": profile.name,
            "transport": profile.transport,
            "runtime": profile.runtime,
            "threads": profile.threads,
            "origin": origin,
            "description": profile.description,
        }
        for profile, origin in found.profiles
    ]
    columns = [
        Column("name", "device"),
        Column("transport", "reached by"),
        Column("runtime", "runtime"),
        Column("threads", "threads", number=True),
        Column("origin", "profile"),
        Column("description", "description", shrink="cut"),
    ]
    show(rows, columns, as_json)
    for problem in found.broken:
        note(f"left out: {problem.message}")


@command.command("show")
@click.argument("name")
@json_option
def show_device(name: str, as_json: bool) -> None:
    """Show every field of a device's profile."""
    from latkit.lab.device import profile

    fields = profile(name).model_dump(mode="json")
    if as_json:
        show_json(fields)
        return
    rows = [{"field": key, "value": value} for key, value in fields.items()]
    show(rows, [Column("field", "field"), Column("value", "value", shrink="wrap")], as_json)


@command.command("add")
@click.argument("name")
@click.option("--host", help="Host name, address, or Host of ~/.ssh/config (default: NAME).")
@click.option("--user", help="User to log in as (default: that of ~/.ssh/config).")
@click.option("--port", type=PORT, help="Port of its SSH server.")
@click.option("--identity-file", help="Private key to log in with.")
@click.option("--python", help="Python on the device that has the runtime.")
@click.option("--threads", type=at_least(1), help="Threads to measure with.")
@click.option("--like", help="Start from another profile, e.g. rpi4.")
@click.option("--kind", help="What sort of board it is (default: that of --like, or NAME).")
@click.option("--description", help="A line for 'latkit device list'.")
def add_device(name: str, like: str | None, **fields: str | int | None) -> None:
    """Write a profile for a device of your own, reached over SSH."""
    from latkit.lab.device import add_profile

    given = {key: value for key, value in fields.items() if value is not None}
    path = add_profile(name, like, given)
    put_line(path)
    next_step(f"latkit device check {quote(name)}")


@command.command("check")
@click.argument("name")
@condition_options
@json_option
@click.pass_context
def check_device(ctx: click.Context, name: str, options: dict[str, Any], as_json: bool) -> None:
    """Try what measuring does; say what is missing, and how to mend it.

    Measures one network for a second, under the condition that is asked for.
    """
    from dataclasses import asdict

    from latkit.lab.device import check
    from latkit.lab.options import asked_words

    findings = check(name, options)
    columns = [
        Column("level", ""),
        Column("name", "what"),
        Column("detail", "found", shrink="wrap"),
        Column("hint", "what to do", shrink="wrap"),
    ]
    show([asdict(finding) for finding in findings], columns, as_json)
    problems = [finding.name for finding in findings if finding.level == "problem"]
    if problems:
        ctx.exit(UNREACHABLE if "connection" in problems else 1)
    note(f"{name} is ready")
    next_step(" ".join([f"latkit measure --device {quote(name)} --n 20", *asked_words(options)]))


@command.command("tune")
@click.argument("name")
@click.argument("words", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def tune_device(ctx: click.Context, name: str, words: tuple[str, ...]) -> None:
    """Hold a device as measuring wants it, and put it back afterwards.

    Sets the processors' governor to performance and fixes a Jetson's clocks, while COMMAND runs
    here or until Ctrl-C. Everything is put back then, also where this command is killed, the link
    dies or the device's program is killed. Needs root there, or a sudo that asks no password.
    """
    from contextlib import suppress

    from latkit.lab.device import change, refusal, tune

    status = 0
    with tune(name) as tuning:
        if tuning.recovered:
            note("put back what a run that was killed had left")
        note(change(tuning) or f"nothing needs to change on {name}")
        if tuning.refused:
            note(f"could not be changed: {refusal(name, tuning)}")
        with suppress(KeyboardInterrupt):
            if words:
                status = _run(words)
            else:
                note("held until Ctrl-C")
                while True:
                    tuning.wait(HELD_S)
    note(f"{name} is as it was")
    ctx.exit(status)


def _run(words: tuple[str, ...]) -> int:
    import subprocess

    from latkit.errors import UsageError

    try:
        return subprocess.run(words, check=False).returncode
    except OSError as problem:
        raise UsageError(f"cannot run {words[0]!r}: {problem.strerror}") from None
