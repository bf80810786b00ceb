"""``latkit validate``: how good the predictor is on this device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from latkit.cli.command import Command, in_vain
from latkit.cli.condition import condition_options
from latkit.cli.name import DEVICE
from latkit.cli.number import SEED, at_least
from latkit.cli.output import Column, json_option, ms_column, note, percent, show, show_json

if TYPE_CHECKING:
    from latkit.lab.validate import Validation


@click.command(name="validate", cls=Command)
@click.option("--device", type=DEVICE, required=True, help="An adapted device.")
@click.option("--n", default=40, show_default=True, type=at_least(3), help="How many.")
@click.option("--space", help="Needed where the device was adapted for several spaces.")
@click.option("--seed", default=1, type=SEED, show_default=True, help="Seed of the draw.")
@click.option(
    "--wait",
    "wait_s",
    default=0,
    type=at_least(0),
    help="Seconds to wait where the device is in use.",
)
@click.option("--rows", is_flag=True, help="Show every network, not only the summary.")
@condition_options
@json_option
def command(
    device: str,
    n: int,
    space: str | None,
    seed: int,
    wait_s: int,
    rows: bool,
    options: dict[str, Any],
    as_json: bool,
) -> None:
    """Measure unseen networks and compare.

    Reports Spearman and Kendall rank correlation, the median absolute percentage error, and how
    often the 90 % interval held the measured latency. The networks are measured under the condition
    of the predictor.
    """
    from latkit.cli.progress import MeasureProgress
    from latkit.lab import Lab

    if as_json:
        in_vain("JSON holds every network", "rows")
    with MeasureProgress(device) as progress:
        found = Lab().validate(
            device, n, space=space, seed=seed, wait_s=wait_s, progress=progress, **options
        )
    if as_json:
        show_json({**found.row(), "rows": found.rows()})
        return
    if rows:
        _show_rows(found)
    _show_summary(device, found)
    for remark in found.notes:
        note(remark)
    if not rows:
        note("--rows shows every network")


def _show_rows(found: Validation) -> None:
    columns = [
        Column("arch", "architecture", shrink="cut"),
        ms_column("measured_ms", "measured ms"),
        ms_column("predicted_ms", "predicted ms"),
        ms_column("lower_ms", "from"),
        ms_column("upper_ms", "to"),
        Column("verdict", "verdict"),
    ]
    show(found.rows(), columns, False)


def _show_summary(device: str, found: Validation) -> None:
    result = found.row()
    figures = [
        ("condition", found.condition.words()),
        ("networks not seen before", str(result["networks"])),
        ("Spearman rank correlation", f"{result['spearman']:.3f}"),
        ("Kendall rank correlation", f"{result['kendall']:.3f}"),
        ("median absolute error", percent(result["median_error"])),
        ("predicted within 10 %", percent(result["within_10_percent"])),
        (f"inside the {found.level:.0%} interval", percent(result["coverage"])),
        ("median interval width", percent(result["interval_width"])),
        ("interval score, the less the better", percent(result["interval_score"])),
    ]
    summary = [{"what": what, "value": value} for what, value in figures]
    title = f"{device}, {result['space']}"
    show(summary, [Column("what", title), Column("value", "", shrink="wrap", number=True)], False)
