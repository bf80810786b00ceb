"""What an import found: how much of which device, what was left out, and what to doubt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from latkit.errors import LatkitError, StoreError
from latkit.measurement import Measurement

SHOWN = 5
"""So many of the rows that were left out are told."""
BUNCHED = 0.35
"""Of no published device is the slowest network closer than 0.8 to the median, in units of how far
the fastest one is from it; NATS-Bench's accuracies lie at 0.04 to 0.25.
"""
FEW = 8
TOO_SMALL_MS, TOO_LARGE_MS = 0.05, 60_000.0
_OF_WHICH_UNIT = "is that their unit? the column's header names it, or --unit"
_NO_LATENCY = re.compile(
    r"(^|[^a-z])(acc|accuracy|top-?[15]|err|error|loss|score|flops|macs|params?|parameters|size|"
    r"energy|power|memory|epochs?|seed|cifar-?\d*|imagenet\S*|map|miou|psnr|rank|valid|test)"
    r"([^a-z]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ImportedDevice:
    """What was found of one device and space: networks with a latency, and their range.

    ``doubt`` says why its numbers are hardly milliseconds; empty where they may be.
    """

    device: str
    space: str
    networks: int
    invalid: int
    lowest_ms: float | None
    highest_ms: float | None
    doubt: str


@dataclass(frozen=True, slots=True)
class Imported:
    """How many measurements of a file were new, and how many were there already.

    ``wrong`` is how many rows and cells are wrong, ``left_out`` tells of the first of them.
    """

    added: int
    known: int
    devices: tuple[ImportedDevice, ...] = field(default=(), compare=False)
    wrong: int = field(default=0, compare=False)
    left_out: tuple[str, ...] = field(default=(), compare=False)


class Survey:
    """Counts what a file holds while it is read; ``origin`` is what messages call it."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self.found = 0
        self.wrong = 0
        self.left_out: list[LatkitError] = []
        self._values: dict[tuple[str, str, bool], list[float | None]] = {}

    def refuse(self, problem: LatkitError) -> None:
        """Count a row or cell that is wrong."""
        self.wrong += 1
        if len(self.left_out) < SHOWN:
            self.left_out.append(problem)

    def count(self, found: Iterator[Measurement]) -> None:
        """Count measurements; raises StoreError where there are none, telling the first fault."""
        for one in found:
            self.found += 1
            key = (one.condition.board, one.subject.collection, one.condition.protocol == 0)
            self._values.setdefault(key, []).append(one.latency_ms if one.usable else None)
        if not self.found:
            raise self._nothing()

    def _nothing(self) -> StoreError:
        """What to tell of a file in which there is no measurement."""
        if not self.wrong:
            return StoreError(
                f"{self._origin} holds no measurements: it is empty, or every cell is"
            )
        first = self.left_out[0]
        more = f" (and {self.wrong - 1:,} more like it)" if self.wrong > 1 else ""
        return StoreError(f"{first.message}{more}", first.hint)

    def devices(self) -> tuple[ImportedDevice, ...]:
        """What was found of each device, in the order of the file."""
        return tuple(
            _device(device, space, values, published)
            for (device, space, published), values in self._values.items()
        )


def _device(
    device: str, space: str, values: Sequence[float | None], published: bool
) -> ImportedDevice:
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (None, None)
    doubt = _doubt(device, known) if published and known else ""
    return ImportedDevice(device, space, len(known), len(values) - len(known), low, high, doubt)


def _doubt(name: str, values: Sequence[float]) -> str:
    """Why published numbers are hardly latencies in milliseconds; empty where they may be."""
    middle = median(values)
    if middle < TOO_SMALL_MS:
        return f"half of them take {middle:.3g} ms or less: {_OF_WHICH_UNIT}"
    if middle > TOO_LARGE_MS:
        return f"half of them take {middle:.3g} ms or more: {_OF_WHICH_UNIT}"
    if found := _NO_LATENCY.search(name):
        return f"its name says {found[2]!r}, which is no latency"
    above, below = max(values) - middle, middle - min(values)
    if len(values) >= FEW and max(values) <= 100 and above < BUNCHED * below:
        return "they are bunched at the top, as accuracies are and latencies are not"
    return ""
