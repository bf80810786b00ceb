"""The folders in which HELP published its latencies.

Lee et al., "HELP: Hardware-Adaptive Efficient Latency Prediction for NAS via Meta-Learning",
NeurIPS 2021, github HayeonLee/HELP: ``latency/DEVICE.pt`` holds one latency in ms per
architecture; ``str_arch2idx.pt`` (NB201) maps official strings to their places in it,
``arch.pt`` (FBNet) lists the block indices of the architectures in that order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latkit.errors import StoreError
from latkit.measurement import Measurement
from latkit.store.io import torch_file
from latkit.store.io.headers import EVERYTHING, MS, Taken
from latkit.store.io.published import ParseAny, labels, numbers, parse_all
from latkit.store.io.refusal import Refuse, raising

_NUMBERED, _LISTED = "str_arch2idx.pt", "arch.pt"


def is_help(folder: Path) -> bool:
    """Whether a folder has HELP's layout."""
    listed = any((folder / name).is_file() for name in (_NUMBERED, _LISTED))
    return listed and (folder / "latency").is_dir()


def read(
    folder: Path, parse: ParseAny, taken: Taken = EVERYTHING, refuse: Refuse = raising
) -> Iterator[Measurement]:
    """Measurements of one search space; raises StoreError where a file is not as published.

    ``taken`` chooses among devices; ``refuse`` is told of single architectures and values.
    """
    files = {file.stem: file for file in sorted((folder / "latency").glob("*.pt"))}
    if not files:
        raise StoreError(f"{folder} has no latency/*.pt", "HELP keeps one file per device there")
    source = folder / _NUMBERED
    texts = _numbered(source) if source.is_file() else _listed(folder / _LISTED)
    archs = parse_all(texts, parse, str(folder), refuse)
    for name in taken.headers(list(files)):
        device, unit = taken.device(name)
        values = numbers(_values(files[name], len(archs)), str(files[name]), refuse)
        yield from labels(archs, device, [MS[unit] * value for value in values])


def _values(file: Path, count: int) -> list[Any]:
    values = torch_file.load(file)
    if not isinstance(values, list) or len(values) != count:
        raise StoreError(f"{file} does not hold {count} latencies, one per architecture")
    return values


def _numbered(file: Path) -> list[str]:
    places = torch_file.load(file)
    if not isinstance(places, dict) or not all(
        isinstance(text, str) and isinstance(place, int) for text, place in places.items()
    ):
        raise StoreError(f"{file} does not map architectures to their places")
    if sorted(places.values()) != list(range(len(places))):
        raise StoreError(f"{file}: the places of its {len(places)} architectures have gaps")
    return sorted(places, key=places.__getitem__)


def _listed(file: Path) -> list[str]:
    rows = torch_file.load(file)
    if not isinstance(rows, list) or not all(map(_is_index_row, rows)):
        raise StoreError(f"{file} does not list block indices, one row per architecture")
    return ["_".join(map(str, row)) for row in rows]


def _is_index_row(row: Any) -> bool:
    return isinstance(row, list) and all(type(i) is int and 0 <= i < 100 for i in row)
