"""Names of devices as options and arguments take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from latkit.condition import device_name

if TYPE_CHECKING:
    _Type = click.ParamType[str]
else:
    _Type = click.ParamType  # generic only since click 8.2


class DeviceName(_Type):
    """What a device can be called; raises UsageError for all else, a path for example."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return device_name(value)


DEVICE = DeviceName()
