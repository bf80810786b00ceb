"""``latkit export``: take an adapted predictor to where it is used."""

from __future__ import annotations

import click

from latkit.cli.output import json_option, next_step, note, show_json


@click.command(name="export")
@click.option("--device", required=True, help="An adapted device.")
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
@json_option
def command(device: str, space: str | None, output: str, deploy: bool, as_json: bool) -> None:
    """Write a predictor as one ONNX file.

    It needs onnxruntime and numpy alone; predict.py beside it shows how to ask it.
    """
    from latkit.lab.export import export

    result = export(device, space, output, deploy=deploy)
    if as_json:
        show_json(result)
        return
    for path in result["files"]:
        click.echo(path)
    if deploy:
        note(f"on the device: {result['remote']}")
    next_step(f"python3 {output}/predict.py {result['example']}")
