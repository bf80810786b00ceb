"""``latkit dataset``: the measurements that were taken, in and out, and away."""

from __future__ import annotations

import sys
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from latkit.cli.command import Group, in_vain
from latkit.cli.condition import choosing_conditions
from latkit.cli.name import DEVICE
from latkit.cli.number import at_least
from latkit.cli.output import (
    Column,
    json_option,
    milliseconds,
    moment,
    ms_column,
    next_step,
    note,
    show,
    show_json,
    warn,
)
from latkit.measurement import LEVELS, Level
from latkit.plural import counted

if TYPE_CHECKING:
    from latkit.lab.dataset import Unit
    from latkit.lab.imports import Imported, ImportedDevice
    from latkit.lab.verify import Audit, Way


@click.group(name="dataset", cls=Group)
def command() -> None:
    """Look at, export, import and remove measurements."""


@command.command("info")
@json_option
def info(as_json: bool) -> None:
    """Say what the dataset holds, by device, space and condition."""
    from latkit.lab import Lab
    from latkit.lab.dataset import summary_row

    lab = Lab()
    rows = [summary_row(entry) for entry in lab.dataset.summary()]
    columns = [
        Column("number", "no.", number=True),
        Column("device", "device"),
        Column("space", "space"),
        Column("condition", "condition", shrink="wrap"),
        Column("networks", "networks", "{:,}".format, number=True),
        Column("suspect", "suspect", "{:,}".format, number=True),
        Column("invalid", "invalid", "{:,}".format, number=True),
        Column("last", "last measured", moment),
    ]
    show(rows, columns, as_json)
    if not as_json:
        note(f"in {lab.dataset.place}")


@command.command("list")
@click.option("--device", type=DEVICE, help="Only this device.")
@click.option("--space", help="Only this space.")
@click.option("--verdict", type=click.Choice(LEVELS), help="Only measurements judged so.")
@click.option("--last", type=at_least(1), help="Only the last so many.")
@json_option
def list_measurements(
    device: str | None, space: str | None, verdict: Level | None, last: int | None, as_json: bool
) -> None:
    """List measurements, in the order in which they were stored."""
    from latkit.lab import Lab
    from latkit.lab.dataset import row

    levels: tuple[Level, ...] = (verdict,) if verdict else LEVELS
    dataset = Lab().dataset
    dataset.require(device, space)
    found = [row(m) for m in dataset.find(device, space, levels=levels, last=last)]
    told = any(row["energy_mj"] is not None for row in found)
    columns = [
        Column("arch", "architecture", shrink="cut"),
        Column("device", "device"),
        Column("condition", "condition", shrink="wrap"),
        ms_column("latency_ms", "ms"),
        ms_column("lower_ms", "from"),
        ms_column("upper_ms", "to"),
        *([Column("energy_mj", "mJ", "{:.4g}".format, number=True)] if told else []),
        Column("verdict", "verdict"),
        Column("reasons", "because", "; ".join, shrink="wrap"),
    ]
    show(found, columns, as_json)


@command.command("verify")
@click.option("--device", type=DEVICE, help="Only this device.")
@click.option("--space", help="Only this space.")
@click.option("--rows", is_flag=True, help="Show every finding, not only how many there are.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="Write the networks to measure again as an arch file.",
)
@choosing_conditions
@json_option
def verify(
    device: str | None,
    space: str | None,
    rows: bool,
    output: str | None,
    options: dict[str, Any],
    as_json: bool,
) -> None:
    """Say which measurements not to believe, and why.

    Looks at the newest measurement of every network for its verdict, and at all of them for
    labels that their samples contradict, repeats that disagree, duplicates, and runtime versions
    that are mixed. Ends with exit code 4 where anything is invalid, 0 where all can be used.
    """
    from latkit.errors import MeasurementsUnusable
    from latkit.lab import Lab
    from latkit.lab.verify import remeasure

    if as_json:
        in_vain("JSON holds every finding", "rows")
    found = Lab().verify(device, space, **options)
    again = remeasure(found, output) if output else None
    if as_json:
        show_json(found.document())
    else:
        _show_findings(found, rows)
    findings = counted(len(found.findings), "finding")
    note(f"{counted(found.measurements, 'measurement')}, {findings}")
    if again:
        next_step(again)
    elif found.again() and not output:
        next_step(_verify_again(list(found.again())))
    if found.invalid:
        raise MeasurementsUnusable(
            f"measurements of {counted(found.invalid, 'network')} are invalid",
            "they train no predictor; the others can be used",
        )


def _verify_again(ways: list[Way]) -> str:
    """What writes the networks that are measured again, those of the first way if of several."""
    first, *others = ways
    whole = f"--device {quote(first.condition.board)} --space {quote(first.space)}"
    chosen = first.choosing() if others else whole
    return f"latkit dataset verify {chosen} --output again.json"


def _show_findings(found: Audit, rows: bool) -> None:
    shared = [Column("verdict", "verdict"), Column("device", "device")]
    counts = [
        Column("count", "how many", "{:,}".format, number=True),
        Column("kind", "because"),
        Column("example", "for example", shrink="wrap"),
        Column("condition", "condition", shrink="wrap"),
    ]
    each = [
        Column("arch", "architecture", shrink="cut"),
        Column("measured_at", "measured", moment),
        Column("reason", "because", shrink="wrap"),
    ]
    if found.findings:
        show(found.rows() if rows else found.counts(), shared + (each if rows else counts), False)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--device", type=DEVICE, help="Only this device.")
@click.option("--space", help="Only this space.")
def export(file: str, device: str | None, space: str | None) -> None:
    """Write measurements to a file.

    FILE ends in .csv, .parquet or .json; the last two hold raw samples too.
    """
    from latkit.lab import Lab

    written = Lab().dataset.export(file, device, space)
    note(f"{counted(written, 'measurement')} written to {file}")


@command.command("remove")
@click.option("--device", required=True, help="Whose measurements; imported ones too.")
@click.option("--space", help="Only this space.")
@choosing_conditions
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and leave it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(
    device: str, space: str | None, options: dict[str, Any], dry_run: bool, yes: bool
) -> None:
    """Delete measurements of a device, raw samples included.

    Says what will go, and asks first. Nothing else is touched: neither other devices, nor
    predictors that were made from these measurements.
    """
    from latkit.lab import Lab

    dataset = Lab().dataset
    for one in dataset.entries(device, space, options):
        said = counted(one.measurements, "measurement")
        note(f"  {device}, {one.collection}, {one.condition.words()}: {said}")
    if dry_run:
        note("nothing was removed (--dry-run)")
        return
    if not yes:
        _confirm()
    note(f"{counted(dataset.remove(device, space, **options), 'measurement')} removed")


def _confirm() -> None:
    from latkit.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nothing was removed, as nobody could be asked", "confirm with --yes")
    if not click.confirm("Remove them?", err=True):
        raise UsageError("nothing was removed")


@command.command("import")
@click.argument("path", type=click.Path(exists=True))
@click.option("--space", help="Space of a table whose architectures do not tell.")
@click.option(
    "--columns", metavar="NAMES", help="Columns that are latencies, as rpi4,tpu (default: all)."
)
@click.option(
    "--unit",
    type=click.Choice(["ms", "s", "us", "ns"]),
    help="Of columns whose header names none (default: ms).",
)
def import_(path: str, space: str | None, columns: str | None, unit: Unit | None) -> None:
    """Add measurements from a file or folder.

    PATH is what 'latkit dataset export' wrote, a wide table (a column 'arch', then one column a
    device, in milliseconds unless its header says otherwise, as 'rpi4 (s)'), or a folder in the
    layout that HELP published. A row that is wrong is left out, and told.
    """
    from latkit.lab import Lab

    chosen = [name.strip() for name in columns.split(",")] if columns is not None else []
    found = Lab().dataset.import_(path, space, columns=chosen, unit=unit)
    known = counted(found.known, "was there already", "were there already")
    already = f", {known}" if found.known else ""
    note(f"{counted(found.added, 'measurement')} added{already}")
    for one in found.devices:
        note(_described(one))
    for one in found.devices:
        if one.doubt:
            warn(f"{one.device}: {one.doubt}")
    _tell_left_out(found)


def _described(one: ImportedDevice) -> str:
    """What was imported of a device, on one line."""
    name = f"  {one.device}, {one.space}: {counted(one.networks, 'network')}"
    low, high = one.lowest_ms, one.highest_ms
    span = f", {milliseconds(low)} to {milliseconds(high)} ms" if low and high else ""
    return name + span + (f"; {one.invalid:,} invalid" if one.invalid else "")


def _tell_left_out(found: Imported) -> None:
    for words in found.left_out:
        note(f"left out: {words}")
    if more := found.wrong - len(found.left_out):
        note(f"left out: {more:,} more")
