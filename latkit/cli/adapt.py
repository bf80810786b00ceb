"""``latkit adapt``: from a handful of measurements to a predictor of every network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from latkit.cli.condition import choosing_conditions
from latkit.cli.output import Column, json_option, ms_column, next_step, note, show, show_json

if TYPE_CHECKING:
    from latkit.lab.adapt import Adaptation


@click.command(name="adapt")
@click.option("--device", required=True, help="A device that has been measured.")
@click.option("--space", help="Adapt for this space only (default: every space measured).")
@click.option(
    "--bundle",
    type=click.Path(file_okay=False),
    help="A bundle of 'latkit pretrain' to start from.",
)
@choosing_conditions
@json_option
def command(
    device: str, space: str | None, bundle: str | None, options: dict[str, Any], as_json: bool
) -> None:
    """Learn a device from its measurements.

    A pretrained predictor is adapted in closed form: seconds, no torch, no GPU. Every condition
    that was measured (runtime, precision, threads, batch, ...) gets a predictor of its own; the
    options choose among them.
    """
    from latkit.lab import Lab

    done = Lab().adapt(device, space=space, bundle=bundle, **options)
    if as_json:
        show_json([one.row() for one in done])
        return
    show([one.row() for one in done], _columns(done), as_json)
    for one in done:
        for remark in one.notes:
            note(f"{one.space}, {one.condition.words()}: {remark}")
    next_step(*_next(device, [one for one in done if one.path]))


def _columns(done: list[Adaptation]) -> list[Column]:
    return [
        *([Column("space", "space")] if len({one.space for one in done}) > 1 else []),
        Column("condition", "condition", shrink="wrap"),
        Column("samples", "networks", number=True),
        ms_column("fastest_ms", "from ms"),
        ms_column("slowest_ms", "to ms"),
        Column("path", "predictor", shrink="cut"),
    ]


def _next(device: str, adapted: list[Adaptation]) -> list[str]:
    """Commands that ask the predictor that needs fewest options; of equals that measured last."""
    from latkit.lab import Lab
    from latkit.lab.options import command as typed
    from latkit.lab.options import words
    from latkit.lab.predictors import kept_spaces

    last = min(reversed(adapted), key=lambda one: len(words(one.condition)))
    several = len(kept_spaces(Lab(), device)) > 1
    example = "examples/arch.json" if last.space == "nb201" else "-"
    draw = "" if last.space == "nb201" else f"latkit space sample {last.space} --n 5 | "
    asking = draw + typed("predict", last.condition).replace("predict", f"predict {example}", 1)
    if not last.condition.protocol:
        return [asking]
    space = [f"--space {last.space}"] if several else []
    return [asking, typed("validate", last.condition, *space, "--n 40")]
