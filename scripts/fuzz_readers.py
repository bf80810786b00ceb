"""The readers that are fuzzed: sound input for each, which is then spoilt, and how it is read."""

from __future__ import annotations

import io
import json
import os
import pickle
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latkit import spaces
from latkit.condition import Condition, Runtime
from latkit.lab import Lab
from latkit.measurement import Block, Measurement, Verdict

CELLS = [spaces.get("nb201").from_indices([n % 5, n // 5, 3, 1, 3, 2]) for n in range(8)]
SUFFIXES = ("csv", "json", "parquet")


@dataclass(frozen=True)
class Reader:
    """Something that reads a file; ``seeds`` are sound ones."""

    suffix: str
    seeds: list[bytes]
    read: Callable[[Path], Any]


def readers() -> dict[str, Reader]:
    """All of them by name."""
    with tempfile.TemporaryDirectory() as scratch:
        tables = _tables(Path(scratch))
        predictor = _predictor(Path(scratch))
    found = {
        "protocol": Reader("jsonl", _lines(), _read_protocol),
        "arch": Reader("json", _archs(), _read_archs),
        "profile": Reader("toml", _profiles(), _read_profile),
        "bundle": Reader("part", _parts(), _read_bundle),
        "predictor": Reader("onnx", [predictor], _read_predictor),
        "torch": Reader("pt", [_zipped(one) for one in _pickles()] + _legacies(), _read_torch),
        "pickle": Reader("pkl", _pickles(), _read_pickle),
    }
    return found | {
        suffix: Reader(suffix, [one for name, one in tables if name == suffix], _read_table)
        for suffix in SUFFIXES
    }


def _lines() -> list[bytes]:
    hello = {
        "event": "hello", "protocol": 1, "runtime": "onnxruntime", "runtime_version": "1.20",
        "format": "onnx", "providers": ["CPUExecutionProvider"], "python": "3.11",
        "platform": "x", "cpu": None, "cpus": 4, "memory_mb": 1024, "limits": ["throttled"],
    }  # fmt: skip
    block = {
        "event": "block", "model": "m", "cold_ns": 5, "samples_ns": [3, 1, 2], "windows": [1, 2],
        "thread_cpu_ns": 7, "involuntary_switches": 1, "energy_mj": 1.5,
        "output": {"shape": [1, 10], "finite": True}, "state": {"temperature_c": 40.0},
    }  # fmt: skip
    failed = {"event": "failed", "model": "m", "error": "no", "kind": "model"}
    state = {"temperature_c": 40.0, "governor": "performance", "frequency_mhz": 1500.0}
    return [json.dumps(one).encode() + b"\n" for one in (hello, block, failed, state)]


def _read_protocol(path: Path) -> None:
    from latkit.errors import LatkitError
    from latkit.protocol import parse_event, parse_state

    for line in path.read_bytes().splitlines(keepends=True):
        for parse in (parse_event, parse_state):
            try:
                parse(line)
            except LatkitError:
                continue


def _archs() -> list[bytes]:
    records: list[Any] = [{"space": "nb201", "arch": cell.key} for cell in CELLS[:2]]
    others: list[Any] = [
        {"space": "nb201:c8-n1", "arch": 123},
        {"space": "fbnet", "arch": [0] * 22},
        {"space": "nb201", "index": 9},
    ]
    lines = "\n".join(map(json.dumps, records + others))
    return [json.dumps(records).encode(), lines.encode(), json.dumps(others[1]).encode()]


def _read_archs(path: Path) -> None:
    from latkit.lab.archs import describe, read_arch_file

    for arch in read_arch_file(str(path))[:2]:
        describe(arch)


def _profiles() -> list[bytes]:
    from latkit.devices.profile_file import builtin_dir

    return [file.read_bytes() for file in sorted(builtin_dir().glob("*.toml"))]


def _read_profile(path: Path) -> None:
    from latkit.devices import profile

    folder = path.parent / "config" / "devices"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["LATKIT_CONFIG_DIR"] = str(folder.parent)
    (folder / "board.toml").write_bytes(path.read_bytes())
    profile.load("board")


def _parts() -> list[bytes]:
    """Each file of a bundle, behind the number that it has among them."""
    files = _bundle_files()
    return [bytes([number]) + files[name] for number, name in enumerate(sorted(files))]


def _bundle_files() -> dict[str, bytes]:
    from latkit.predictor.bundle import Bundle

    return Bundle.shipped("nb201").files()


def _read_bundle(path: Path) -> None:
    from latkit.predictor.bundle import Bundle

    files, content = _bundle_files(), path.read_bytes()
    files[sorted(files)[content[0] % len(files) if content else 0]] = content[1:]
    Bundle.from_files(files, "the bundle")


def _predictor(scratch: Path) -> bytes:
    table = scratch / "table.csv"
    rows = [f"{cell.key},{number + 1.5}" for number, cell in enumerate(CELLS)]
    table.write_text("\n".join(["arch,board", *rows, ""]))
    lab = Lab(data=scratch / "lab")
    lab.dataset.import_(table)
    lab.adapt("board")
    return next(lab.predictors.rglob("*.onnx")).read_bytes()


def _read_predictor(path: Path) -> None:
    from latkit.predictor.runtime import AdaptedFile

    AdaptedFile.load(path).predict(spaces.get("nb201").matrix(CELLS))


def _pickles() -> list[bytes]:
    values = ([1.5, 2, 3], {"|a~0|": 0, "b": 1}, [[1, 2], [3, 4]], ({"a": (1, None, True)},))
    return [pickle.dumps(value, protocol) for value in values for protocol in (2, 4)]


def _zipped(pickled: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", bytes(16))
    return content.getvalue()


def _legacies() -> list[bytes]:
    head = b"".join(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"a": True}))
    return [head + one + pickle.dumps([], 2) for one in _pickles()]


def _read_torch(path: Path) -> None:
    from latkit.store.io import torch_file

    torch_file.load(path)


def _read_pickle(path: Path) -> None:
    path.write_bytes(_zipped(path.read_bytes()))
    _read_torch(path)


def _tables(scratch: Path) -> Iterable[tuple[str, bytes]]:
    """Exports and wide tables, with the suffix of each."""
    import pyarrow as pa
    from pyarrow import parquet

    from latkit.store.io import flat

    wide = {"arch": [cell.key for cell in CELLS], "rpi4 (s)": [0.01] * 7 + [None], "x": [1] * 8}
    (scratch / "wide.json").write_text(
        json.dumps([dict(zip(wide, row, strict=True)) for row in zip(*wide.values(), strict=True)])
    )
    rows = [
        ";".join("" if cell is None else str(cell) for cell in row)
        for row in zip(*wide.values(), strict=True)
    ]
    (scratch / "wide.csv").write_text("\n".join([";".join(wide), *rows, ""]))
    parquet.write_table(pa.table(wide), scratch / "wide.parquet")
    for suffix in SUFFIXES:
        flat.write(_measurements(), scratch / f"export.{suffix}")
    return [(f.suffix[1:], f.read_bytes()) for f in sorted(scratch.iterdir()) if f.is_file()]


def _measurements() -> list[Measurement]:
    condition = Condition("board", Runtime("onnxruntime", "1.20", "CPUExecutionProvider"))
    block = Block(9, (3, 1, 2), 7, 1)
    return [
        Measurement(
            cell, condition, Verdict("suspect", ("a reason",)), 1.5, 1.0, 2.0, 1.0, 2.0, 0.1,
            (block,) * 2, {"governor": "performance"}, "2026-01-01T00:00:00+00:00", 12.5,
        )
        for cell in CELLS[:3]
    ]  # fmt: skip


def _read_table(path: Path) -> None:
    from latkit.lab.dataset import read_file

    for _ in read_file(path, refuse=lambda _: None):
        pass
