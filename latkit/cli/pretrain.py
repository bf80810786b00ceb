"""``latkit pretrain``: a bundle from the dataset's devices (needs the extra 'train')."""

from __future__ import annotations

from pathlib import Path

import click

from latkit.cli.command import Command, typed
from latkit.cli.number import SEED
from latkit.cli.output import next_step, note
from latkit.cli.terminal import put_line
from latkit.plural import counted


@click.command(name="pretrain", cls=Command)
@click.option("--space", default="nb201", show_default=True, help="The space to train for.")
@click.option(
    "--device", "devices", multiple=True, help="A source device (repeatable; default: all)."
)
@click.option(
    "--seed", default=0, type=SEED, show_default=True, help="Seed of training and hypotheses."
)
@click.option(
    "--output",
    "-o",
    default="bundle",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder to write the bundle into.",
)
def command(space: str, devices: tuple[str, ...], seed: int, output: str) -> None:
    """Train a bundle on the dataset's devices.

    Needs the extra 'train'. 'latkit dataset import' brings published tables in.
    """
    from latkit.cli.progress import training_progress
    from latkit.lab import Lab
    from latkit.lab.pretrain import pretrain
    from latkit.lab.suggest import adapting_from

    lab = Lab()
    with training_progress() as progress:
        bundle = pretrain(
            lab, space, output, devices=devices, seed=seed, command=typed(), progress=progress
        )
    size_mb = sum(file.stat().st_size for file in Path(output).iterdir()) / 1e6
    sources = bundle.manifest["devices"]
    note(f"trained on {counted(len(sources), 'device')}, {size_mb:.1f} MB")
    put_line(output)
    next_step(adapting_from(lab, bundle.space, output, sources))
