"""What is to be fast imports nothing heavy, in an interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latkit import spaces
from tests.integration.command import latkit

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "arch.json")
HEAVY = {"scipy", "sqlalchemy", "alembic", "pydantic", "paramiko", "torch", "pyarrow"}

RUN = """
import json, sys
from latkit.cli import run
status = run(sys.argv[1:])
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def imported(*words: str) -> tuple[str, set[str]]:
    """What a command printed, and the packages that were imported when it had succeeded."""
    command = [sys.executable, "-c", RUN, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=200)
    assert done.returncode == 0, done.stderr
    *printed, last = done.stdout.splitlines()
    status, packages = json.loads(last)
    assert status == 0, done.stderr
    return "\n".join(printed), set(packages)


@pytest.fixture
def adapted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A device with a predictor, of latencies that a formula gave."""
    space = spaces.get("nb201")
    archs = [space.from_indices([n % 5, n // 2, 3, 1, 3, 2]) for n in range(6)]
    rows = [f"{arch},{1 + space.network(arch).flops / 1e8}" for arch in archs]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["arch,board", *rows, ""]))
    latkit(capsys, "dataset", "import", str(table))
    latkit(capsys, "adapt", "--device", "board")
    return "board"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["predict", "--help"]], ids=" ".join)
def test_help(words: list[str]):
    printed, packages = imported(*words)
    assert "latkit" in printed
    assert packages & {*HEAVY, "numpy", "onnx", "onnxruntime"} == set()


def test_a_list_of_devices():
    """It asks no dataset and computes nothing; profiles are read with pydantic."""
    printed, packages = imported("device", "list")
    assert "local" in printed
    assert packages & {*HEAVY, "numpy", "onnx", "onnxruntime"} == {"pydantic"}


def test_predict(adapted: str):
    printed, packages = imported("predict", EXAMPLE, "--device", adapted, "--json")
    (row,) = json.loads(printed)
    assert 0 < row["lower_ms"] < row["mean_ms"] < row["upper_ms"]
    assert "onnxruntime" in packages
    assert packages & HEAVY == set()
    printed, packages = imported("predict", EXAMPLE)
    assert adapted in printed
    assert packages & HEAVY == set()
