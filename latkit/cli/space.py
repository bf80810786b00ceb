"""``latkit space``: look at architecture spaces and draw from them."""

from __future__ import annotations

import json

import click

from latkit.cli.command import Group
from latkit.cli.number import SEED, at_least
from latkit.cli.output import Column, json_option, show, show_json
from latkit.cli.terminal import put


@click.group(name="space", cls=Group)
def command() -> None:
    """Sample and inspect architectures."""


@command.command("list")
@json_option
def list_spaces(as_json: bool) -> None:
    """List the architecture spaces."""
    from latkit.lab.archs import spaces

    rows = [
        {
            "space": space.name,
            "positions": space.positions,
            "operations": ", ".join(space.operations),
            "size": float(space.size) if space.size > 2**53 else space.size,
        }
        for space in spaces()
    ]
    columns = [
        Column("space", "space"),
        Column("positions", "positions", number=True),
        Column("size", "size", lambda size: f"{size:.3g}" if size > 1e9 else f"{size:,}", True),
        Column("operations", "operations", shrink="wrap"),
    ]
    show(rows, columns, as_json)


@command.command("sample")
@click.argument("name")
@click.option("--n", default=1, show_default=True, type=at_least(1), help="How many.")
@click.option("--seed", default=0, type=SEED, show_default=True, help="Seed of the draw.")
def sample(name: str, n: int, seed: int) -> None:
    """Draw random architectures, ready for 'latkit predict -'."""
    from latkit.lab.archs import sample as draw

    for arch in draw(name, n, seed):
        put(json.dumps({"space": arch.collection, "arch": arch.key}))


@command.command("show")
@click.argument("file", type=click.Path(allow_dash=True))
@json_option
def show_archs(file: str, as_json: bool) -> None:
    """Show the size and cost of an arch FILE's networks ('-' reads stdin)."""
    from latkit.lab.archs import describe, read_arch_file

    rows = [describe(arch) for arch in read_arch_file(file)]
    if as_json:
        show_json(rows)
        return
    columns = [
        Column("arch", "architecture", shrink="cut"),
        Column("flops", "MFLOPs", lambda flops: f"{flops / 1e6:.2f}", number=True),
        Column("params", "params", lambda params: f"{params / 1e6:.3f} M", number=True),
        Column("layers", "layers", number=True),
        Column("canonical", "canonical", lambda canonical: "yes" if canonical else "no"),
    ]
    show(rows, columns, as_json)
