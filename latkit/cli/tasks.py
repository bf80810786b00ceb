"""``latkit tasks``: from which devices to learn, and to which to adapt."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from latkit.cli.command import Group
from latkit.cli.number import SEED, at_least
from latkit.cli.output import Column, json_option, next_step, note, show, show_json
from latkit.cli.terminal import put
from latkit.plural import counted

if TYPE_CHECKING:
    from latkit.lab.tasks import TaskReport

MANY = 4
"""So many missing devices, and more, are counted rather than named."""


@click.group(name="tasks", cls=Group)
def command() -> None:
    """List, show and make transfer tasks for 'latkit evaluate'."""


@command.command("list")
@json_option
def list_tasks(as_json: bool) -> None:
    """List all tasks, and what the dataset lacks of each."""
    from latkit.lab import Lab
    from latkit.lab.tasks import overview

    rows = [entry.row() for entry in overview(Lab())]
    if as_json:
        show_json(rows)
        return
    columns = [
        Column("task", "task"),
        Column("kind", "from"),
        Column("space", "space"),
        Column("devices", "devices"),
        Column("lacks", "the dataset lacks", shrink="wrap"),
    ]
    show([{**row, "devices": _sizes(row), "lacks": _lacks(row)} for row in rows], columns, as_json)


@command.command("show")
@click.argument("name")
@json_option
def show_task(name: str, as_json: bool) -> None:
    """Show the devices of a task and how alike they rank networks.

    The correlations are Spearman's, over the networks that all devices of the task have.
    """
    from latkit.lab import Lab
    from latkit.lab.tasks import describe

    _show(describe(Lab(), name), as_json)


@command.command("make")
@click.argument("name")
@click.option("--space", default="nb201", show_default=True, help="Whose latencies count.")
@click.option(
    "--sources",
    default=5,
    show_default=True,
    type=at_least(2),
    help="How many devices to learn from.",
)
@click.option(
    "--targets",
    default=3,
    show_default=True,
    type=at_least(1),
    help="How many devices to adapt to.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    help="A device to choose from (repeatable; default: all that share enough networks).",
)
@click.option("--seed", default=0, type=SEED, show_default=True, help="Seed of the bisection.")
@json_option
def make_task(
    name: str,
    space: str,
    sources: int,
    targets: int,
    devices: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Make a task NAME of devices of your dataset, as hard as they allow.

    Devices that rank networks alike are put on the same side: the graph of their rank
    correlations is cut by Kernighan and Lin's bisection. Needs the extra 'evaluate'.
    """
    from latkit.lab import Lab
    from latkit.lab.tasks import make, path_of

    lab = Lab()
    report, left_out = make(
        lab, name, space, sources=sources, targets=targets, devices=devices, seed=seed
    )
    if left_out:
        note(f"left out, for too few networks in common: {', '.join(left_out)}")
    _show(report, as_json)
    note(f"kept as {path_of(lab, name)}")
    if not as_json and report.runnable:
        next_step(f"latkit evaluate --task {quote(name)}")


def _sizes(row: dict[str, Any]) -> str:
    return f"{row['sources']} → {row['targets']}"


def _lacks(row: dict[str, Any]) -> str | None:
    missing, everything = row["missing"], row["sources"] + row["targets"]
    if len(missing) == everything:
        return "all of them"
    if len(missing) >= MANY:
        return f"{len(missing)} of {everything}"
    return ", ".join(missing) or None


def _show(report: TaskReport, as_json: bool) -> None:
    if as_json:
        show_json(_document(report))
        return
    networks = Column("networks", "networks", "{:,}".format, number=True)
    show(_sources(report), [Column("device", "source", shrink="wrap"), networks], as_json)
    put()
    columns = [
        Column("device", "target", shrink="wrap"),
        networks,
        Column("nearest", "nearest source", shrink="wrap"),
        Column("spearman", "correlation", "{:.3f}".format, number=True),
    ]
    show(_targets(report), columns, as_json)
    if report.missing:
        note(f"the dataset lacks {', '.join(report.missing)}")
    shared = counted(report.shared, f"{report.task.space} network")
    note(f"{shared} in common{_outcome(report)}")


def _outcome(report: TaskReport) -> str:
    across = [value for row in report.correlations.values() for value in row.values()]
    if not across:
        return "; too few devices or networks to run this task"
    return f"; sources and targets correlate by {sum(across) / len(across):.3f} on average"


def _document(report: TaskReport) -> dict[str, Any]:
    from latkit.lab.tasks import kind

    return {
        "task": report.task.name,
        "kind": kind(report.task),
        "space": report.task.space,
        "sources": _sources(report),
        "targets": _targets(report),
        "missing": report.missing,
        "networks_in_common": report.shared,
        "runnable": report.runnable,
        "correlations": report.correlations,
    }


def _sources(report: TaskReport) -> list[dict[str, Any]]:
    return [{"device": name, "networks": report.networks[name]} for name in report.task.sources]


def _targets(report: TaskReport) -> list[dict[str, Any]]:
    return [
        {"device": name, "networks": report.networks[name], **_nearest(report, name)}
        for name in report.task.targets
    ]


def _nearest(report: TaskReport, target: str) -> dict[str, Any]:
    likeness = report.correlations.get(target)
    if not likeness:
        return {"nearest": None, "spearman": None}
    nearest = max(likeness, key=likeness.__getitem__)
    return {"nearest": nearest, "spearman": likeness[nearest]}
