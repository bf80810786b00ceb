"""``latkit compare``: whether two sets of measurements differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from latkit.cli.command import Command, in_vain
from latkit.cli.number import SEED
from latkit.cli.output import Column, json_option, ms_column, note, percent, show, show_json
from latkit.cli.terminal import put, put_line
from latkit.plural import counted

if TYPE_CHECKING:
    from latkit.lab.compare import Compared

LEAST_SHOWN = 0.0001
EPILOG = """\b
A and B name measurements in the dataset, or a file of them:
  rpi4                            a device
  rpi4@onnxruntime-1.20           what it measured with that runtime
  rpi4@3                          under condition 3 of 'latkit dataset info'
  rpi4@..2026-11-20               before that day (UTC)
  rpi4@2026-11-20..               on that day and after it
  rpi4@2026-11-20T14              in that hour
  rpi4@int8,threads=4             several conditions, all of which must hold
  before.parquet                  what 'latkit dataset export' wrote"""


@click.command(name="compare", cls=Command, epilog=EPILOG)
@click.argument("a")
@click.argument("b")
@click.option("--rows", is_flag=True, help="Show every network, not only the summary.")
@click.option("--seed", default=0, type=SEED, show_default=True, help="Seed of the bootstrap.")
@json_option
def command(a: str, b: str, rows: bool, seed: int, as_json: bool) -> None:
    """Say whether two sets of measurements differ.

    Two runtimes, two boards, before and after an update, two campaigns: of every network that
    both have, B's latency is divided by A's.
    """
    from latkit.lab import Lab

    if as_json:
        in_vain("JSON holds every network", "rows")
    found = Lab().compare(a, b, seed)
    if as_json:
        show_json(found.document())
        return
    if rows:
        _show_rows(found)
    _show_summary(found)
    put()
    put_line(found.verdict())
    _remark(found)


def _show_rows(found: Compared) -> None:
    columns = [
        Column("arch", "architecture", shrink="cut"),
        ms_column("a_ms", "A ms"),
        ms_column("b_ms", "B ms"),
        Column("ratio", "B / A", "{:.3f}".format, number=True),
        Column("lower", "from", "{:.3f}".format, number=True),
        Column("upper", "to", "{:.3f}".format, number=True),
    ]
    show(found.rows(), columns, False)
    put()


def _show_summary(found: Compared) -> None:
    c = found.comparison
    interval = f"{c.lower:.4f}..{c.upper:.4f}"
    figures: list[tuple[str, str | None]] = [
        ("networks in common", f"{len(c.ratios):,}"),
        ("B / A, geometric mean", f"{c.ratio:.4f}"),
        ("95 % interval", interval),
        ("signed-rank p", _probability(c.p_value)),
        ("median difference", percent(c.median_difference)),
        ("changed beyond noise", _changed(found)),
        ("Kendall", _correlation(c.kendall)),
        ("Spearman", _correlation(c.spearman)),
    ]
    summary: list[dict[str, Any]] = [{"what": what, "value": value} for what, value in figures]
    columns = [Column("what", "figure", shrink="wrap"), Column("value", "value", number=True)]
    show(summary, columns, False)


def _changed(found: Compared) -> str | None:
    changed, known = found.comparison.changed
    return f"{changed:,} of {known:,}" if known else None


def _probability(value: float) -> str:
    return f"{value:.2g}" if value >= LEAST_SHOWN else f"< {LEAST_SHOWN}"


def _correlation(value: float) -> str | None:
    return f"{value:.3f}" if value == value else None


def _remark(found: Compared) -> None:
    if found.a.measurements == found.b.measurements:
        note("A and B are the same measurements")
    for letter, chosen in (("A", found.a), ("B", found.b)):
        if chosen.unusable:
            more = counted(chosen.unusable, "more network")
            note(f"{letter} has {more} without a usable latency")
    for field, (a, b) in found.differences().items():
        note(f"A and B differ in {field.replace('_', ' ')}: {a} and {b}")
