"""``latkit measure``: time networks on a device and store what was found."""

from __future__ import annotations

from dataclasses import asdict

import click

from latkit.cli.output import (
    Column,
    json_option,
    ms_column,
    next_step,
    note,
    percent,
    show,
    show_json,
)


@click.command(name="measure")
@click.option("--device", required=True, help="The device; 'local' is this computer.")
@click.option("--n", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--space", default="nb201", show_default=True, help="Space to draw networks from.")
@click.option("--seed", default=0, show_default=True, help="Seed of the draw and of the order.")
@click.option(
    "--sampler",
    default="random",
    show_default=True,
    help="Which networks to draw: 'random', or 'params' to spread them over sizes.",
)
@click.option(
    "--archs",
    type=click.Path(allow_dash=True),
    help="Measure the networks of an arch file instead of a draw.",
)
@click.option("--threads", type=click.IntRange(1), help="Threads (default: the profile's).")
@click.option("--batch", type=click.IntRange(1), help="Images per inference (default: profile's).")
@click.option(
    "--wait",
    "wait_s",
    default=0,
    type=click.IntRange(0),
    help="Seconds to wait where the device is in use.",
)
@json_option
def command(
    device: str,
    n: int,
    space: str,
    seed: int,
    sampler: str,
    archs: str | None,
    threads: int | None,
    batch: int | None,
    wait_s: int,
    as_json: bool,
) -> None:
    """Time networks on a device and store them.

    Run the same command again after an interruption: it completes the same networks.
    """
    from latkit.cli.progress import MeasureProgress
    from latkit.workflow.archs import read_arch_file
    from latkit.workflow.measure import as_row, measure

    given = {"threads": threads, "batch": batch}
    with MeasureProgress(device) as progress:
        result = measure(
            device,
            progress,
            space=space,
            n=n,
            seed=seed,
            sampler=sampler,
            archs=read_arch_file(archs) if archs else None,
            overrides={key: value for key, value in given.items() if value is not None},
            wait_s=wait_s,
        )
    columns = [
        Column("arch", "architecture", shrink="cut"),
        ms_column("latency_ms", "median ms"),
        Column("noise", "±", percent, number=True),
        Column("verdict", "verdict"),
    ]
    rows = [as_row(measurement) for measurement in result.measurements]
    setting = result.setting
    if as_json:
        figures = {"seconds": result.seconds, "timing_share": result.timing_share}
        show_json({"setting": asdict(setting), **figures, "measurements": rows})
    else:
        show(rows, columns, as_json)
    note(
        f"{len(result.measurements)} networks on {device} ({setting.runtime} "
        f"{setting.runtime_version}, {setting.threads} threads, batch {setting.batch}) "
        f"in {result.seconds:.0f} s, {percent(result.timing_share)} of it timing"
    )
    if not any(measurement.usable for measurement in result.measurements):
        raise _unusable(device)
    next_step(f"latkit adapt --device {device}")


def _unusable(device: str) -> Exception:
    from latkit.errors import MeasurementsUnusable

    return MeasurementsUnusable(
        f"none of the networks could be measured on {device}",
        f"latkit device check {device}; 'latkit dataset list --verdict invalid' tells the reasons",
    )
