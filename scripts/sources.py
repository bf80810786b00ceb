"""Run by scripts/sources: the same networks, measured on this computer under many settings.

TorchScript "optimised for mobile" is not among them: the builds of torch that pip installs have
no XNNPACK. MNN and ExecuTorch take seconds to convert a network, and are left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sources_page import page

from latkit import Lab
from latkit.measurement import Measurement
from latkit.store import USABLE
from latkit.store.io import flat

ROOT = Path(__file__).parents[1]
WORKSPACE = ROOT / ".sources"
DATA = ROOT / "data"
PAGE = ROOT / "docs" / "own-sources.md"
SPACES = ("nb201", "fbnet")
SETTINGS: dict[str, Mapping[str, str | int]] = {
    "x86_onnxruntime": {"runtime": "onnxruntime"},
    "x86_tflite": {"runtime": "tflite", "provider": "XNNPACK"},
    "x86_torch": {"runtime": "torch", "provider": "eager"},
    "x86_ncnn": {"runtime": "ncnn"},
    "x86_openvino": {"runtime": "openvino"},
    "x86_onnxruntime_int8": {"runtime": "onnxruntime", "precision": "int8"},
    "x86_tflite_int8": {"runtime": "tflite", "provider": "XNNPACK", "precision": "int8"},
    "x86_tflite_builtin": {"runtime": "tflite", "provider": "builtin"},
    "x86_onnxruntime_2": {"runtime": "onnxruntime", "threads": 2},
    "x86_torch_compile": {"runtime": "torch", "provider": "compile"},
    "x86_torch_script": {"runtime": "torch", "provider": "torchscript"},
    "x86_openvino_2": {"runtime": "openvino", "threads": 2},
}
"""Conditions of this computer, each of them a source device by that name."""
USUAL = {"precision": "fp32", "threads": 1}


def main() -> int:
    """Measure what is asked for, and write all that is known."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("settings", nargs="*", metavar="SETTING", help=", ".join(SETTINGS))
    asked = options.parse_args().settings or list(SETTINGS)
    if unknown := [setting for setting in asked if setting not in SETTINGS]:
        options.error(f"unknown setting {unknown[0]!r}: one of {', '.join(SETTINGS)}")
    failed = [
        f"{setting}, {space}"
        for space in SPACES
        for setting in asked
        if measure(space, SETTINGS[setting])
    ]
    if known := {space: found for space in SPACES if (found := measured(space))}:
        write(known)
    for one in failed:
        print(f"not complete: {one}")
    return 1 if failed else 0


def measure(space: str, setting: Mapping[str, str | int]) -> int:
    """The exit status of a campaign over the space's list of networks."""
    networks = DATA / f"own_networks_{space}.jsonl"
    words = [word for name, value in setting.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "latkit", "measure", "--device", "local", *words]
    environment = {**os.environ, "LATKIT_DATA_DIR": str(WORKSPACE)}
    return subprocess.run([*command, "--archs", str(networks)], env=environment).returncode


def measured(space: str) -> list[Measurement]:
    """The newest label of every network of a space under every setting, each setting a board."""
    found = Lab(data=WORKSPACE).dataset.find(space=space, levels=USABLE, newest=True)
    boards = [named(one) for one in found]
    print(f"{space}: {len(boards):,} measurements")
    return boards


def write(by_space: Mapping[str, list[Measurement]]) -> None:
    """Exports without raw samples, and the page that tells of them."""
    for space, boards in by_space.items():
        flat.write(boards, DATA / f"own_sources_{space}.parquet")
    PAGE.write_text(page(by_space))


def named(one: Measurement) -> Measurement:
    """A measurement whose board is called by its setting."""
    condition = one.condition
    name = next(
        name for name, setting in SETTINGS.items() if condition.matches({**USUAL, **setting})
    )
    return replace(one, condition=replace(condition, board=name))


if __name__ == "__main__":
    sys.exit(main())
