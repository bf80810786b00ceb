"""``latkit validate``: how good the predictor is on this device."""

from __future__ import annotations

import click

from latkit.cli.output import Column, json_option, ms_column, note, percent, show, show_json


@click.command(name="validate")
@click.option("--device", required=True, help="An adapted device.")
@click.option("--n", default=40, show_default=True, type=click.IntRange(3), help="How many.")
@click.option("--space", help="Needed where the device was adapted for several spaces.")
@click.option("--seed", default=1, show_default=True, help="Seed of the draw.")
@click.option(
    "--wait",
    "wait_s",
    default=0,
    type=click.IntRange(0),
    help="Seconds to wait where the device is in use.",
)
@click.option("--rows", is_flag=True, help="Show every network, not only the summary.")
@json_option
def command(
    device: str, n: int, space: str | None, seed: int, wait_s: int, rows: bool, as_json: bool
) -> None:
    """Measure unseen networks and compare.

    Reports Spearman and Kendall rank correlation, the median absolute percentage error, and how
    often the 90 % interval held the measured latency.
    """
    from latkit.cli.progress import MeasureProgress
    from latkit.lab.validate import validate

    with MeasureProgress(device) as progress:
        result, found = validate(device, progress, space=space, n=n, seed=seed, wait_s=wait_s)
    if as_json:
        show_json({**result.as_dict(), "rows": found})
        return
    if rows:
        columns = [
            Column("arch", "architecture", shrink="cut"),
            ms_column("measured_ms", "measured ms"),
            ms_column("predicted_ms", "predicted ms"),
            ms_column("lower_ms", "from"),
            ms_column("upper_ms", "to"),
            Column("verdict", "verdict"),
        ]
        show(found, columns, as_json)
    figures = [
        ("networks not seen before", str(result.networks)),
        ("Spearman rank correlation", f"{result.spearman:.3f}"),
        ("Kendall rank correlation", f"{result.kendall:.3f}"),
        ("median absolute error", percent(result.median_error)),
        ("predicted within 10 %", percent(result.within_10_percent)),
        (f"inside the {result.level:.0%} interval", percent(result.coverage)),
        ("median interval width", percent(result.interval_width)),
    ]
    summary = [{"what": what, "value": value} for what, value in figures]
    show(
        summary,
        [Column("what", f"{device}, {result.space}"), Column("value", "", number=True)],
        False,
    )
    if not as_json and not rows:
        note("--rows shows every network")
