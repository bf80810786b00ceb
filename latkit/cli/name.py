"""Names of devices as options and arguments take them."""

from __future__ import annotations

import click

from latkit.cli.parameter import ParamType
from latkit.condition import device_name


class DeviceName(ParamType[str]):
    """What a device can be called; raises UsageError for all else, a path for example."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return device_name(value)


DEVICE = DeviceName()
