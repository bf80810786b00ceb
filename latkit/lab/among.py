"""What a filter leaves of the dataset: a name that it knows nothing of is a mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from latkit import spaces
from latkit.errors import MeasurementsUnusable, UnknownNameError
from latkit.lab.options import described, listed
from latkit.store import Summary


def among(
    everything: Sequence[Summary],
    device: str | None = None,
    space: str | None = None,
    asked: Mapping[str, Any] | None = None,
) -> list[Summary]:
    """The entries of a device, of a space, under conditions that have some ``values``.

    Raises UnknownNameError for a device or space of which there is nothing, MeasurementsUnusable
    where nothing was measured so.
    """
    found = list(everything)
    if device is not None:
        devices = {entry.condition.board for entry in found}
        found = [entry for entry in found if entry.condition.board == device]
        if not found:
            raise UnknownNameError("device in the dataset", device, devices)
    if space is not None:
        names = {entry.collection for entry in found}
        name = space if space in names else spaces.get(space).name
        found = [entry for entry in found if entry.collection == name]
        if not found:
            of = f"space of {device!r} in the dataset" if device else "space in the dataset"
            raise UnknownNameError(of, space, names)
    return _measured_so(found, asked or {})


def _measured_so(entries: Sequence[Summary], asked: Mapping[str, Any]) -> list[Summary]:
    found = [entry for entry in entries if entry.condition.matches(asked)]
    if asked and not found:
        known = listed(entry.condition for entry in entries)
        raise MeasurementsUnusable(
            f"nothing in the dataset was measured with {described(asked)}",
            f"there is: {known or 'nothing'}",
        )
    return found
