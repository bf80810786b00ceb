"""``latkit export``: take an adapted predictor to where it is used."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from latkit.cli.command import Command
from latkit.cli.condition import condition_options
from latkit.cli.name import DEVICE
from latkit.cli.output import json_option, next_step, note, show_json
from latkit.cli.terminal import put_line


@click.command(name="export", cls=Command)
@click.option("--device", type=DEVICE, required=True, help="An adapted device.")
@click.option("--space", help="Needed where the device was adapted for several spaces.")
@click.option(
    "--output",
    "-o",
    default="predictor",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder to write predictor.onnx and predict.py into.",
)
@click.option("--deploy", is_flag=True, help="Also put both files on the device.")
@condition_options
@json_option
def command(
    device: str,
    space: str | None,
    output: str,
    deploy: bool,
    options: dict[str, Any],
    as_json: bool,
) -> None:
    """Write a predictor as one ONNX file.

    It needs onnxruntime and numpy alone; predict.py beside it shows how to ask it.
    """
    from latkit.lab import Lab
    from latkit.lab.export import export

    result = export(Lab(), device, output, space=space, deploy=deploy, options=options)
    if as_json:
        show_json(result.row())
        return
    for path in result.files:
        put_line(path)
    note(f"{device}, {result.space}: {result.condition.words()}")
    if deploy:
        note(f"on the device: {result.remote}")
    script = Path(output) / "predict.py"
    next_step(f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {result.example}")
