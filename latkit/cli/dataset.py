"""``latkit dataset``: the measurements that were taken, in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from latkit.cli.output import (
    Column,
    json_option,
    moment,
    ms_column,
    next_step,
    note,
    show,
    show_json,
)
from latkit.measurement import LEVELS, PRECISIONS, Level

if TYPE_CHECKING:
    from latkit.lab.verify import Audit


@click.group(name="dataset")
def command() -> None:
    """Look at, export and import measurements."""


@command.command("info")
@json_option
def info(as_json: bool) -> None:
    """Say what the dataset holds: one row per device, space and setting."""
    from latkit.lab.dataset import database_url, summary

    rows = summary()
    columns = [
        Column("number", "no.", number=True),
        Column("device", "device"),
        Column("space", "space"),
        Column("runtime", "runtime"),
        Column("runtime_version", "version"),
        Column("precision", "precision"),
        Column("threads", "threads", number=True),
        Column("batch", "batch", number=True),
        Column("archs", "networks", "{:,}".format, number=True),
        Column("suspect", "suspect", "{:,}".format, number=True),
        Column("invalid", "invalid", "{:,}".format, number=True),
        Column("last", "last measured", moment),
    ]
    show(rows, columns, as_json)
    if not as_json:
        note(f"in {database_url()}")


@command.command("list")
@click.option("--device", help="Only this device.")
@click.option("--space", help="Only this space.")
@click.option("--verdict", type=click.Choice(LEVELS), help="Only measurements judged so.")
@click.option("--last", type=click.IntRange(1), help="Only the newest so many.")
@json_option
def list_measurements(
    device: str | None, space: str | None, verdict: Level | None, last: int | None, as_json: bool
) -> None:
    """List measurements, newest last."""
    from latkit.lab.dataset import rows

    found = rows(device, space, (verdict,) if verdict else LEVELS)
    told = any(row["energy_mj"] is not None for row in found)
    columns = [
        Column("arch", "architecture", shrink="cut"),
        Column("device", "device"),
        ms_column("latency_ms", "median ms"),
        ms_column("lower_ms", "from"),
        ms_column("upper_ms", "to"),
        *([Column("energy_mj", "mJ", "{:.4g}".format, number=True)] if told else []),
        Column("verdict", "verdict"),
        Column("reasons", "because", "; ".join, shrink="wrap"),
    ]
    show(found[-last:] if last else found, columns, as_json)


@command.command("verify")
@click.option("--device", help="Only this device.")
@click.option("--space", help="Only this space.")
@click.option("--runtime", metavar="NAME", help="Only this runtime.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Only this precision.")
@click.option("--rows", is_flag=True, help="Show every finding, not only how many there are.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="Write the networks to measure again as an arch file.",
)
@json_option
def verify(
    device: str | None,
    space: str | None,
    rows: bool,
    output: str | None,
    as_json: bool,
    **setting: str | None,
) -> None:
    """Say which measurements not to believe, and why.

    Looks at the newest measurement of every network for its verdict, and at all of them for
    labels that their samples contradict, repeats that disagree, duplicates, and runtime versions
    that are mixed. Ends with exit code 4 where anything is invalid, 0 where all can be used.
    """
    from latkit.errors import MeasurementsUnusable
    from latkit.lab.verify import remeasure
    from latkit.lab.verify import verify as look_over

    wanted = {name: value for name, value in setting.items() if value is not None}
    found = look_over(device, space, wanted)
    again = remeasure(found, output) if output else None
    if as_json:
        show_json(found.as_dict())
    else:
        _show_findings(found, rows)
    note(f"{found.measurements:,} measurements, {len(found.findings):,} findings")
    if again:
        next_step(again)
    elif found.again() and not output:
        first = next(iter(found.again()))[0]
        next_step(f"latkit dataset verify --device {first} --output again.json")
    if found.invalid:
        raise MeasurementsUnusable(
            f"measurements of {found.invalid:,} networks are invalid",
            "they train no predictor; the others can be used",
        )


def _show_findings(found: Audit, rows: bool) -> None:
    shared = [Column("verdict", "verdict"), Column("device", "device")]
    counts = [
        Column("count", "how many", "{:,}".format, number=True),
        Column("kind", "because"),
        Column("example", "for example", shrink="wrap"),
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
@click.option("--device", help="Only this device.")
@click.option("--space", help="Only this space.")
def export(file: str, device: str | None, space: str | None) -> None:
    """Write measurements to FILE: .csv, .parquet or .json (the last two with raw samples)."""
    from latkit.lab.dataset import export_file

    note(f"{export_file(file, device, space):,} measurements written to {file}")


@command.command("import")
@click.argument("path", type=click.Path(exists=True))
@click.option("--space", help="Space of a table whose architectures do not tell.")
def import_(path: str, space: str | None) -> None:
    """Add measurements from a file or folder.

    PATH is what 'latkit dataset export' wrote, a wide table (a column 'arch', then one column of
    milliseconds a device), or a folder in the layout that HELP published.
    """
    from latkit.lab.dataset import import_path

    added, known = import_path(path, space)
    already = f", {known:,} were there already" if known else ""
    note(f"{added:,} measurements added{already}")
