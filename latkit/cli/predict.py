"""``latkit predict``: milliseconds for networks that were never measured."""

from __future__ import annotations

from typing import Any

import click

from latkit.cli.command import Command
from latkit.cli.condition import condition_options
from latkit.cli.name import DEVICE
from latkit.cli.output import Column, json_option, ms_column, next_step, note, show


@click.command(name="predict", cls=Command)
@click.argument("file", type=click.Path(allow_dash=True))
@click.option(
    "--device", type=DEVICE, help="One adapted device; without it, all of them side by side."
)
@click.option("--all-conditions", is_flag=True, help="Every predictor of a device, side by side.")
@condition_options
@json_option
def command(
    file: str, device: str | None, all_conditions: bool, options: dict[str, Any], as_json: bool
) -> None:
    """Predict latencies of an arch FILE's networks.

    FILE is JSON ('-' reads stdin): {"space": "nb201", "arch": "..."}, a list of such, or JSON
    lines. The interval holds the true latency with 90 % probability. A device is predicted under
    the condition that its profile says, unless options ask for another one that it was adapted for.
    """
    from latkit.lab import Lab
    from latkit.lab.archs import read_arch_file
    from latkit.lab.predict import side_by_side

    if all_conditions and options:
        raise click.UsageError("--all-conditions asks for all; leave the other options out")
    archs = read_arch_file(file)
    lab = Lab()
    found = side_by_side(lab, archs, device, options, every_condition=all_conditions)
    columns = [
        Column("arch", "architecture", shrink="cut"),
        Column("device", "device"),
        ms_column("mean_ms", "ms"),
        ms_column("lower_ms", "from"),
        ms_column("upper_ms", "to"),
        Column("samples", "measured", number=True),
        Column("condition", "condition", shrink="wrap"),
    ]
    show(found.rows(archs), columns, as_json)
    for reason in found.silent:
        note(reason)
    if not as_json and len(archs) == 1 and device and found.found:
        from latkit.lab.suggest import validating

        next_step(*filter(None, [validating(lab, found.found[0].predictor)]))
