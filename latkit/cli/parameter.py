"""The type of parameters that latkit's own are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    ParamType = click.ParamType
else:

    class ParamType(click.ParamType):
        """click's own, which is generic only since click 8.2."""

        def __class_getitem__(cls, _: Any) -> type:
            return cls
