"""``latkit adapt``: from a handful of measurements to a predictor of every network."""

from __future__ import annotations

import click

from latkit.cli.output import json_option, milliseconds, next_step, note, show_json
from latkit.measurement import PRECISIONS


@click.command(name="adapt")
@click.option("--device", required=True, help="A device that has been measured.")
@click.option("--space", help="Adapt for this space only (default: every space measured).")
@click.option("--runtime", metavar="NAME", help="Use measurements with this runtime.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Use measurements of this precision.",
)
@click.option("--threads", type=click.IntRange(1), help="Use measurements with so many threads.")
@click.option("--batch", type=click.IntRange(1), help="Use measurements of this batch size.")
@click.option(
    "--bundle",
    type=click.Path(file_okay=False),
    help="A bundle of 'latkit pretrain' to start from.",
)
@json_option
def command(
    device: str,
    space: str | None,
    bundle: str | None,
    as_json: bool,
    **setting: str | int | None,
) -> None:
    """Learn a device from its measurements.

    A pretrained predictor is adapted in closed form: seconds, no torch, no GPU.
    """
    from latkit.lab.adapt import adapt

    wanted = {name: value for name, value in setting.items() if value is not None}
    reports = adapt(device, space=space, wanted=wanted, bundle=bundle)
    if as_json:
        show_json([report.as_dict() for report in reports])
        return
    for report in reports:
        note(
            f"adapted {device} for {report.space}: {report.samples} measurements "
            f"({milliseconds(report.fastest_ms)} to {milliseconds(report.slowest_ms)} ms) "
            f"in {report.seconds:.2f} s"
        )
        for remark in report.notes:
            note(f"  {remark}")
        click.echo(report.path)
    next_step("latkit predict examples/arch.json", f"latkit validate --device {device} --n 40")
