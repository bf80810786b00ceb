"""The main job from the command line: measure, adapt, predict, validate, export; over real SSH."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from latkit.cli import run
from tests.integration.command import latkit
from tests.integration.own_lease import write_profile
from tests.integration.sshd import Sshd

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "arch.json")


@pytest.fixture
def board(tmp_path, sshd: Sshd, capsys) -> str:
    """A device named like the Host of the ssh configuration that reaches it."""
    python = f'python = "{sys.executable}"'
    return write_profile(tmp_path / "config", sshd.alias, python, remote=tmp_path / "remote")


@pytest.mark.slow
def test_main_job_over_ssh(board, capsys, tmp_path):
    measured = json.loads(latkit(capsys, "measure", "--device", board, "--n", "4", "--json"))
    assert len(measured["measurements"]) == 4
    assert all(m["latency_ms"] > 0 for m in measured["measurements"])
    assert not list((tmp_path / "remote" / "models").glob("*.onnx")), "models are cleaned up"

    again = json.loads(latkit(capsys, "measure", "--device", board, "--n", "4", "--json"))
    assert again["measurements"] == measured["measurements"], "nothing is measured twice"

    latkit(capsys, "adapt", "--device", board)
    (row,) = json.loads(latkit(capsys, "predict", EXAMPLE, "--json"))
    assert row["device"] == board
    assert 0 < row["lower_ms"] < row["mean_ms"] < row["upper_ms"]

    report = json.loads(latkit(capsys, "validate", "--device", board, "--n", "3", "--json"))
    assert report["networks"] == 3
    seen = {m["arch"] for m in measured["measurements"]}
    assert not seen & {m["arch"] for m in report["rows"]}

    folder = tmp_path / "exported"
    exported = json.loads(
        latkit(capsys, "export", "--device", board, "-o", str(folder), "--deploy", "--json")
    )
    example = exported["example"].split()
    script = Path(exported["remote"]) / "predict.py"
    there = subprocess.run([sys.executable, str(script), *example], capture_output=True, text=True)
    assert there.stdout.split()[1] == "ms", there.stderr

    summary = json.loads(latkit(capsys, "dataset", "info", "--json"))
    assert [entry["networks"] for entry in summary] == [7]


def test_adapting_with_measurements_of_another_space(capsys, tmp_path):
    table = tmp_path / "t.csv"
    arch = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"
    table.write_text(f"arch,board\n{arch},1.5\n")
    latkit(capsys, "dataset", "import", str(table))
    assert run(["adapt", "--device", "board", "--space", "fbnet"]) == 4
    shown = capsys.readouterr().err
    assert "'board' has no usable measurements of fbnet (it has 1 of nb201)" in shown


@pytest.mark.parametrize("count", [1, 2])
def test_adapting_with_too_few_measurements(capsys, tmp_path, count):
    cells = [
        "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|",
        "|none~0|" + "+|none~0|none~1|+|none~0|none~1|none~2|",
    ]
    table = tmp_path / "t.csv"
    table.write_text("arch,board\n" + "".join(f"{cell},1.5\n" for cell in cells[:count]))
    latkit(capsys, "dataset", "import", str(table))
    assert run(["adapt", "--device", "board"]) == 4
    assert f"needs at least 3 measured networks, there are {count}" in capsys.readouterr().err


def test_several_devices_stand_side_by_side(capsys, tmp_path):
    from latkit import spaces

    space = spaces.get("nb201")
    rng = np.random.default_rng(0)
    lines = ["arch,slow,fast"]
    for arch in space.sample(rng, 8):
        flops = space.network(arch).flops / 1e8
        lines.append(f"{arch},{10 + 5 * flops},{1 + flops}")
    table = tmp_path / "t.csv"
    table.write_text("\n".join(lines))
    latkit(capsys, "dataset", "import", str(table))
    for device in ("slow", "fast"):
        latkit(capsys, "adapt", "--device", device)
    rows = json.loads(latkit(capsys, "predict", EXAMPLE, "--json"))
    assert {row["device"]: row["mean_ms"] for row in rows}.keys() == {"slow", "fast"}
    assert rows[0]["mean_ms"] < rows[1]["mean_ms"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"SQLite format 3\0" + b"x" * 2000])
def test_damaged_dataset_is_one_message(capsys, tmp_path, content):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "latkit.db").write_bytes(content)
    status = run(["dataset", "info"])
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert status == (0 if not content else 1)
