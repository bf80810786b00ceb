"""``latkit adapt``: from a handful of measurements to a predictor of every network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from latkit.cli.command import Command, in_vain
from latkit.cli.condition import choosing_conditions
from latkit.cli.name import DEVICE
from latkit.cli.number import SEED, at_least
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

if TYPE_CHECKING:
    from latkit.lab.adapt import Adaptation


@click.command(name="adapt", cls=Command)
@click.option("--device", type=DEVICE, required=True, help="A device that has been measured.")
@click.option("--space", help="Adapt for this space only (default: every space measured).")
@click.option(
    "--bundle",
    type=click.Path(file_okay=False),
    help="A bundle of 'latkit pretrain' to start from.",
)
@click.option(
    "--n",
    type=at_least(3),
    help="To so many measurements alone, as if there were no others (default: all).",
)
@click.option("--sampler", help="Which of them: 'random' (default), 'optimal', 'kmeans', ...")
@click.option("--seed", default=0, type=SEED, show_default=True, help="Seed of that draw.")
@choosing_conditions
@json_option
def command(
    device: str,
    space: str | None,
    bundle: str | None,
    n: int | None,
    sampler: str | None,
    seed: int,
    options: dict[str, Any],
    as_json: bool,
) -> None:
    """Learn a device from its measurements.

    A pretrained predictor is adapted in closed form: seconds, no torch, no GPU. Every condition
    that was measured (runtime, precision, threads, batch, ...) gets a predictor of its own; the
    options choose among them.
    """
    from latkit.lab import Lab

    if n is None:
        in_vain("without --n, all measurements count", "sampler", "seed")
    done = Lab().adapt(
        device, space=space, bundle=bundle, n=n, sampler=sampler, seed=seed, **options
    )
    if as_json:
        show_json([one.row() for one in done])
        return
    show([one.row() for one in done], _columns(done), as_json)
    for one in done:
        if one.expected:
            note(f"{one.space}, {one.condition.words()}: {_expectation(one)}")
        for remark in one.notes:
            note(f"{one.space}, {one.condition.words()}: {remark}")
    next_step(*_next(device, done))


def _columns(done: list[Adaptation]) -> list[Column]:
    return [
        *([Column("space", "space")] if len({one.space for one in done}) > 1 else []),
        Column("condition", "condition", shrink="wrap"),
        Column("samples", "networks", number=True),
        ms_column("fastest_ms", "from ms"),
        ms_column("slowest_ms", "to ms"),
        Column("path", "predictor", shrink="cut"),
    ]


def _expectation(one: Adaptation) -> str:
    assert one.expected is not None
    median, most = percent(one.expected.median_error), percent(one.expected.most_within)
    told = f"judged by leaving out each of the {one.samples}"
    return f"networks not measured: {median} median error, 90 % within {most} ({told})"


def _next(device: str, adapted: list[Adaptation]) -> list[str]:
    """Commands that ask the predictor that needs fewest options; of equals that stored last."""
    from latkit.lab import Lab
    from latkit.lab.predictors import kept
    from latkit.lab.suggest import predicting, validating

    lab = Lab()
    made = {one.path for one in adapted}
    predictors = [one for one in kept(lab, device) if one.file in made]
    asked = {one: predicting(lab, one) for one in predictors}
    known = [one for one in predictors if asked[one]]
    if not known:
        return []
    best = min(known, key=lambda one: (len(str(asked[one])), -one.last_stored))
    commands = (asked[best], validating(lab, best))
    return [command for command in commands if command]
