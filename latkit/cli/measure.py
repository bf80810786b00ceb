"""``latkit measure``: time networks on a device and store what was found."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
from latkit.measurement import PRECISIONS

if TYPE_CHECKING:
    from latkit.lab.adaptive import AdaptiveResult
    from latkit.lab.convergence import Step
    from latkit.measure.campaign import CampaignResult

AUTO = "auto"


def count(text: str | int) -> int | str:
    """A number of networks, or 'auto': as many as are needed."""
    if text == AUTO:
        return AUTO
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise click.BadParameter(f"{text!r} is neither a positive number nor 'auto'")
    return number


@click.command(name="measure")
@click.option("--device", required=True, help="The device; 'local' is this computer.")
@click.option(
    "--n",
    default=20,
    show_default=True,
    type=count,
    metavar="NUMBER|auto",
    help="How many; 'auto' stops when more would no longer change predictions.",
)
@click.option("--space", default="nb201", show_default=True, help="Space to draw networks from.")
@click.option("--seed", default=0, show_default=True, help="Seed of the draw and of the order.")
@click.option(
    "--sampler",
    show_default="optimal; random where no bundle is shipped",
    help="Which networks to draw: 'optimal', 'random', 'params', 'kmeans', 'cosine', ...",
)
@click.option(
    "--archs",
    type=click.Path(allow_dash=True),
    help="Measure the networks of an arch file instead of a draw.",
)
@click.option(
    "--runtime", metavar="NAME", help="onnxruntime, tflite, torch (default: the profile's)."
)
@click.option("--provider", metavar="NAME", help="What it runs on (default: the profile's).")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Of the models (default: the profile's).",
)
@click.option("--threads", type=click.IntRange(1), help="Threads (default: the profile's).")
@click.option("--batch", type=click.IntRange(1), help="Images per inference (default: profile's).")
@click.option(
    "--wait",
    "wait_s",
    default=0,
    type=click.IntRange(0),
    help="Seconds to wait where the device is in use, or slowed down.",
)
@click.option(
    "--tune",
    is_flag=True,
    help="Hold the device at full clocks meanwhile (needs root there).",
)
@click.option("--again", is_flag=True, help="Measure also what was measured before.")
@json_option
def command(
    device: str,
    n: int | str,
    space: str,
    seed: int,
    sampler: str | None,
    archs: str | None,
    wait_s: int,
    tune: bool,
    again: bool,
    as_json: bool,
    **setting: str | int | None,
) -> None:
    """Time networks on a device and store them.

    Run the same command again after an interruption: it completes the same networks. A larger
    --n extends the default draw.
    """
    from latkit.cli.progress import MeasureProgress
    from latkit.lab.archs import read_arch_file
    from latkit.lab.measure import measure

    if n == AUTO and archs:
        raise click.UsageError("--n auto draws networks; it cannot be used with --archs")
    if n == AUTO and again:
        raise click.UsageError("--n auto builds on what is known; it cannot be used with --again")
    options: dict[str, Any] = {
        "space": space,
        "seed": seed,
        "sampler": sampler,
        "overrides": {key: value for key, value in setting.items() if value is not None},
        "wait_s": wait_s,
        "tune": tune,
    }
    adaptive = None
    with MeasureProgress(device) as progress:
        if isinstance(n, int):
            chosen = read_arch_file(archs) if archs else None
            result = measure(device, progress, n=n, archs=chosen, again=again, **options)
        else:
            from latkit.lab.adaptive import measure_until_converged

            adaptive = measure_until_converged(device, progress, _tell, **options)
            result = adaptive.campaign
    _show_result(device, result, adaptive, as_json)
    if not any(measurement.usable for measurement in result.measurements):
        raise _unusable(device)
    next_step(f"latkit adapt --device {device}")


def _tell(step: Step) -> None:
    changed = "" if step.change is None else f", changed by {percent(step.change)}"
    note(f"{step.networks} networks: predictions ± {percent(step.half_width)}{changed}")


def _show_result(
    device: str, result: CampaignResult, adaptive: AdaptiveResult | None, as_json: bool
) -> None:
    from latkit.lab.measure import as_row

    rows = [as_row(measurement) for measurement in result.measurements]
    setting = result.setting
    if as_json:
        found: dict[str, Any] = {"setting": asdict(setting), "seconds": result.seconds}
        found |= {"timing_share": result.timing_share, "measurements": rows}
        if adaptive:
            steps = [asdict(step) for step in adaptive.steps]
            found["adaptive"] = {"converged": adaptive.converged, "steps": steps}
        show_json(found)
    else:
        columns = [
            Column("arch", "architecture", shrink="cut"),
            ms_column("latency_ms", "median ms"),
            Column("noise", "±", percent, number=True),
            Column("verdict", "verdict"),
        ]
        show(rows, columns, as_json)
    note(
        f"{len(result.measurements)} networks on {device} ({setting.runtime} "
        f"{setting.runtime_version}, {setting.threads} threads, batch {setting.batch}) "
        f"in {result.seconds:.0f} s, {percent(result.timing_share)} of it timing"
    )
    if adaptive:
        note(adaptive.reason)
    doubted = sum(m.verdict.level == "suspect" for m in result.measurements)
    if doubted:
        note(f"{doubted} are suspect: 'latkit dataset verify --device {device}' says why")


def _unusable(device: str) -> Exception:
    from latkit.errors import MeasurementsUnusable

    return MeasurementsUnusable(
        f"none of the networks could be measured on {device}",
        f"latkit device check {device}; 'latkit dataset list --verdict invalid' tells the reasons",
    )
