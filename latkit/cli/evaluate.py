"""``latkit evaluate``: how good predictors are on transfer tasks (needs the extra 'evaluate')."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latkit.cli.command import Command, in_vain, typed
from latkit.cli.number import at_least
from latkit.cli.output import Column, json_option, next_step, note, percent, show, show_json

if TYPE_CHECKING:
    from latkit.lab.evaluate import Evaluation

COUNTS = (3, 5, 10, 20)
ALL = "all"
BAYES = "bayes"


@click.command(name="evaluate", cls=Command)
@click.option("--task", "tasks", multiple=True, help="A task (repeatable; default: published).")
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=("bayes",),
    show_default=True,
    help="A method (repeatable), or 'all'.",
)
@click.option(
    "--sampler",
    "samplers",
    multiple=True,
    default=("random",),
    show_default=True,
    help="Which networks are measured (repeatable).",
)
@click.option(
    "--n",
    "counts",
    multiple=True,
    type=at_least(3),
    default=COUNTS,
    show_default=True,
    help="Samples of a target (repeatable).",
)
@click.option(
    "--bundle",
    metavar="FOLDER|shipped",
    help="Start 'bayes' from this bundle; it must know no target (default: one of the sources').",
)
@click.option("--seeds", default=5, show_default=True, type=at_least(1), help="Draws.")
@click.option("--jobs", type=at_least(1), help="Processes (default: one a processor).")
@click.option("--dask", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler.")
@click.option("--per-device", is_flag=True, help="Also a row for every target.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report in Markdown, and beside it a .json and a plot, .svg.",
)
@json_option
def command(
    tasks: tuple[str, ...],
    methods: tuple[str, ...],
    samplers: tuple[str, ...],
    counts: tuple[int, ...],
    bundle: str | None,
    seeds: int,
    jobs: int | None,
    dask: str | None,
    per_device: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Try few-shot methods on transfer tasks of the dataset.

    Run the same command again after an interruption: it goes on where it was.
    """
    from latkit.cli.progress import evaluation_progress
    from latkit.lab import Lab
    from latkit.lab.evaluate import evaluate, every_method
    from latkit.report.facts import facts
    from latkit.report.page import write
    from latkit.report.results import as_json as report

    if not {BAYES, ALL} & set(methods):
        in_vain("only the method 'bayes' starts from a bundle", "bundle")
    if dask:
        in_vain("the Dask cluster says how many", "jobs")
    if output:
        _require_writable(output)
    with evaluation_progress() as progress:
        found = evaluate(
            Lab(),
            tasks,
            method_names=every_method() if ALL in methods else list(dict.fromkeys(methods)),
            samplers=list(dict.fromkeys(samplers)),
            counts=sorted(set(counts)),
            bundle=bundle,
            seeds=seeds,
            jobs=jobs or len(os.sched_getaffinity(0)),
            dask=dask,
            progress=progress,
        )
    _tell_missing(found)
    about = facts(seeds)
    document = report(found, about, per_device)
    if as_json:
        show_json(document)
    else:
        show(_rows(document, per_device), _columns(samplers, per_device), as_json=False)
    if output:
        write(output, found, about, per_device)
        beside = (output.with_suffix(suffix).name for suffix in (".json", ".svg"))
        note(f"written: {', '.join([str(output), *beside])}")
    elif not as_json:
        next_step(*_reporting())


def _tell_missing(found: Evaluation) -> None:
    for entry in found.missing:
        manner = "not run: the dataset lacks" if entry.skipped else "run without"
        note(f"task {entry.task}: {manner} {', '.join(entry.devices)}")


def _reporting() -> list[str]:
    """The same once more, which is at once, with a report; nothing where none could be drawn."""
    from importlib.util import find_spec

    return [typed("-o", "results.md")] if find_spec("matplotlib") else []


def _require_writable(output: Path) -> None:
    """A mistake that would show at the end of a long run is told at its beginning."""
    from latkit.errors import UsageError
    from latkit.report.plot import require_matplotlib

    require_matplotlib()
    if not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        raise UsageError(f"cannot write to {output}: {output.parent} is no folder to write into")


def _rows(document: dict[str, Any], per_device: bool) -> list[dict[str, Any]]:
    return [row for row in document["rows"] if bool(row["device"]) == per_device]


def _columns(samplers: tuple[str, ...], per_device: bool) -> list[Column]:
    return [
        Column("task", "task"),
        *([Column("device", "target", shrink="cut")] if per_device else []),
        Column("method", "method"),
        *([Column("sampler", "sampler")] if len(set(samplers)) > 1 else []),
        Column("n", "n", number=True),
        Column("spearman", "Spearman", _three, number=True),
        Column("spearman_sd", "±", _three, number=True),
        Column("median_ape", "error", percent, number=True),
        Column("coverage", "in 90 %", percent, number=True),
        Column("width", "width", percent, number=True),
        Column("interval_score", "score", percent, number=True),
        Column("seconds", "seconds", _two, number=True),
    ]


def _three(value: float) -> str:
    return f"{value:.3f}"


def _two(value: float) -> str:
    return f"{value:.2f}"
