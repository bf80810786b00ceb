"""``latkit measure``: time networks on a device and store what was found."""

from __future__ import annotations

from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from latkit.cli.command import Command, in_vain
from latkit.cli.condition import condition_options
from latkit.cli.name import DEVICE
from latkit.cli.number import MOST, SEED, at_least
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
from latkit.plural import counted

if TYPE_CHECKING:
    from latkit.cli.progress import MeasureProgress
    from latkit.lab.adaptive import AdaptiveResult
    from latkit.lab.convergence import Step
    from latkit.lab.measure import CampaignResult
    from latkit.subjects import Subject

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
    if number > MOST:
        raise click.BadParameter(f"{number:,} is more than {MOST:,}")
    return number


@click.command(name="measure", cls=Command)
@click.option("--device", type=DEVICE, required=True, help="The device; 'local' is this computer.")
@click.option(
    "--n",
    default=20,
    show_default=True,
    type=count,
    metavar="NUMBER|auto",
    help="How many; 'auto' stops when more would no longer change predictions.",
)
@click.option("--space", default="nb201", show_default=True, help="Space to draw networks from.")
@click.option(
    "--seed", default=0, type=SEED, show_default=True, help="Seed of the draw and of the order."
)
@click.option(
    "--sampler",
    show_default="optimal; random where no bundle is shipped",
    help="Which networks to draw: 'optimal', 'random', 'params', 'kmeans', 'cosine', ...",
)
@click.option(
    "--include-degenerate",
    is_flag=True,
    help="Draw also networks that compute nothing, such as cells without a path.",
)
@click.option(
    "--archs",
    type=click.Path(allow_dash=True),
    help="Measure the networks of an arch file instead of a draw.",
)
@click.option(
    "--wait",
    "wait_s",
    default=0,
    type=at_least(0),
    help="Seconds to wait where the device is in use, or slowed down.",
)
@click.option("--again", is_flag=True, help="Measure also what was measured before.")
@condition_options
@json_option
def command(
    device: str,
    n: int | str,
    space: str,
    seed: int,
    sampler: str | None,
    include_degenerate: bool,
    archs: str | None,
    wait_s: int,
    again: bool,
    options: dict[str, Any],
    as_json: bool,
) -> None:
    """Time networks on a device and store them.

    Run the same command again after an interruption: it completes the same networks. A larger
    --n extends the default draw.
    """
    from latkit.cli.progress import MeasureProgress
    from latkit.lab.archs import read_arch_file

    if n == AUTO and archs:
        raise click.UsageError("--n auto draws networks; it cannot be used with --archs")
    if archs:
        in_vain("--archs names the networks", "n", "space", "sampler", "include_degenerate")
    if n == AUTO and again:
        raise click.UsageError("--n auto builds on what is known; it cannot be used with --again")
    chosen = read_arch_file(archs) if archs else None
    draw = {
        "space": space,
        "seed": seed,
        "sampler": sampler,
        "include_degenerate": include_degenerate,
        "wait_s": wait_s,
    }
    adaptive = None
    with MeasureProgress(device) as progress:
        if isinstance(n, int):
            result = _measure(device, n, progress, chosen, again, draw, options)
        else:
            adaptive = _measure_until_converged(device, progress, draw, options)
            result = adaptive.campaign
    _show_result(device, result, adaptive, as_json)
    if not any(measurement.usable for measurement in result.measurements):
        raise _unusable(device)
    next_step(*_adapting(result))


def _measure(
    device: str,
    n: int,
    progress: MeasureProgress,
    networks: list[Subject] | None,
    again: bool,
    draw: dict[str, Any],
    options: dict[str, Any],
) -> CampaignResult:
    from latkit.lab import Lab

    return Lab().measure(
        device, n, networks=networks, again=again, progress=progress, **draw, **options
    )


def _measure_until_converged(
    device: str, progress: MeasureProgress, draw: dict[str, Any], options: dict[str, Any]
) -> AdaptiveResult:
    from latkit.lab import Lab
    from latkit.lab.adaptive import measure_until_converged

    return measure_until_converged(Lab(), device, progress, _tell, options=options, **draw)


def _adapting(result: CampaignResult) -> list[str]:
    """The command that adapts to the condition that was measured under, if that can be done."""
    from latkit.lab import Lab
    from latkit.lab.suggest import adapting

    found = result.measurements
    command = adapting(Lab(), result.condition, found[0].subject.collection, found)
    return [command] if command else []


def _tell(step: Step) -> None:
    changed = "" if step.change is None else f", changed by {percent(step.change)}"
    networks = counted(step.networks, "network")
    note(f"{networks}: predictions ± {percent(step.half_width)}{changed}")


def _show_result(
    device: str, result: CampaignResult, adaptive: AdaptiveResult | None, as_json: bool
) -> None:
    from latkit.lab.dataset import row

    rows = [row(measurement) for measurement in result.measurements]
    if as_json:
        show_json(_document(result, adaptive, rows))
    else:
        columns = [
            Column("arch", "architecture", shrink="cut"),
            ms_column("latency_ms", "ms"),
            Column("noise", "±", percent, number=True),
            Column("verdict", "verdict"),
        ]
        show(rows, columns, as_json)
    timed = f" in {result.seconds:.0f} s, {percent(result.timing_share)} of it timing"
    note(
        f"{counted(len(result.measurements), 'network')} on {device} ({result.condition.words()})"
        f"{timed if result.timing_share else ''}"
    )
    if adaptive:
        note(adaptive.reason)
    _tell_doubts(device, result)


def _tell_doubts(device: str, result: CampaignResult) -> None:
    levels = [measurement.verdict.level for measurement in result.measurements]
    if failed := levels.count("invalid"):
        note(f"{counted(failed, 'network')} could not be measured: {_listing(device)} says why")
    if doubted := levels.count("suspect"):
        words = counted(doubted, "is suspect", "are suspect")
        note(f"{words}: 'latkit dataset list --device {quote(device)} --verdict suspect' says why")


def _listing(device: str) -> str:
    return f"'latkit dataset list --device {quote(device)} --verdict invalid'"


def _document(
    result: CampaignResult, adaptive: AdaptiveResult | None, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    found = {
        **result.condition.row(),
        "seconds": result.seconds,
        "timing_share": result.timing_share,
        "measurements": rows,
    }
    if adaptive:
        steps = [asdict(step) for step in adaptive.steps]
        found["adaptive"] = {"converged": adaptive.converged, "steps": steps}
    return found


def _unusable(device: str) -> Exception:
    from latkit.errors import MeasurementsUnusable

    return MeasurementsUnusable(
        f"none of the networks could be measured on {device}",
        f"{_listing(device)} tells the reasons, 'latkit device check {quote(device)}' looks at it",
    )
