"""Run by scripts/sources: the same networks, measured on this computer under many settings.

TorchScript "optimised for mobile" is not among them: the builds of torch that pip installs have
no XNNPACK. MNN and ExecuTorch take seconds to convert a network, and are left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from latkit import Lab
from latkit.store.io import flat

ROOT = Path(__file__).parents[1]
WORKSPACE = ROOT / ".sources"
DATA = ROOT / "data"
SPACES = ("nb201", "fbnet")
SETTINGS = {
    "onnxruntime": ("--runtime", "onnxruntime"),
    "tflite": ("--runtime", "tflite"),
    "torch-eager": ("--runtime", "torch"),
    "ncnn": ("--runtime", "ncnn"),
    "openvino": ("--runtime", "openvino"),
    "onnxruntime-int8": ("--runtime", "onnxruntime", "--precision", "int8"),
    "tflite-int8": ("--runtime", "tflite", "--precision", "int8"),
    "tflite-builtin": ("--runtime", "tflite", "--provider", "builtin"),
    "torch-script": ("--runtime", "torch", "--provider", "torchscript"),
    "onnxruntime-2": ("--runtime", "onnxruntime", "--threads", "2"),
    "openvino-2": ("--runtime", "openvino", "--threads", "2"),
    "torch-compile": ("--runtime", "torch", "--provider", "compile"),
}


def main() -> int:
    """Measure what is asked for, and write all that is known."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("settings", nargs="*", choices=SETTINGS, metavar="SETTING")
    asked = options.parse_args().settings or list(SETTINGS)
    failed = [
        f"{setting}, {space}"
        for space in SPACES
        for setting in asked
        if measure(space, SETTINGS[setting])
    ]
    for space in SPACES:
        write(space)
    for one in failed:
        print(f"not complete: {one}")
    return 1 if failed else 0


def measure(space: str, setting: tuple[str, ...]) -> int:
    """The exit status of a campaign over the space's list of networks."""
    networks = DATA / f"own_networks_{space}.jsonl"
    command = [sys.executable, "-m", "latkit", "measure", "--device", "local", *setting]
    environment = {**os.environ, "LATKIT_DATA_DIR": str(WORKSPACE)}
    return subprocess.run([*command, "--archs", str(networks)], env=environment).returncode


def write(space: str) -> None:
    """An export without raw samples."""
    found = Lab(data=WORKSPACE).dataset.find(space=space, newest=True)
    count = flat.write(found, DATA / f"own_sources_{space}.parquet")
    print(f"{space}: {count:,} measurements")


if __name__ == "__main__":
    sys.exit(main())
