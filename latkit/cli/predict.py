"""``latkit predict``: milliseconds for networks that were never measured."""

from __future__ import annotations

import click

from latkit.cli.output import Column, json_option, ms_column, next_step, show


@click.command(name="predict")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--device", help="One adapted device; without it, all of them side by side.")
@json_option
def command(file: str, device: str | None, as_json: bool) -> None:
    """Predict latencies of an arch FILE's networks.

    FILE is JSON ('-' reads stdin): {"space": "nb201", "arch": "..."}, a list of such, or JSON
    lines. The interval holds the true latency with 90 % probability.
    """
    from latkit.lab.archs import read_arch_file
    from latkit.lab.predictors import predict

    archs = read_arch_file(file)
    rows = predict(archs, device)
    columns = [
        Column("arch", "architecture", shrink="cut"),
        Column("device", "device"),
        ms_column("mean_ms", "ms"),
        ms_column("lower_ms", "from"),
        ms_column("upper_ms", "to"),
    ]
    show(rows, columns, as_json)
    if not as_json and len(archs) == 1 and device:
        next_step(f"latkit validate --device {device}")
