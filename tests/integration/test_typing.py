"""A typed program that uses latkit sees types, not ``Any``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "typing"
pytest.importorskip("mypy")


def checked(file: Path, tmp_path: Path) -> str:
    """What mypy says of a file outside the project, as a user's is."""
    own = tmp_path / file.name
    own.write_text(file.read_text())
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", own.name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=250)
    return done.stdout + done.stderr


def test_a_consumer_sees_types(tmp_path: Path):
    assert checked(FOLDER / "consumer.py", tmp_path) == ""


def test_a_consumers_mistakes_are_seen(tmp_path: Path):
    file = FOLDER / "mistakes.py"
    lines = enumerate(file.read_text().splitlines(), start=1)
    wanted = {(n, line.split("# error: ")[1]) for n, line in lines if "# error: " in line}
    said = re.findall(r"mistakes\.py:(\d+): error: .*(\[[\w-]+\])", checked(file, tmp_path))
    assert {(int(n), kind) for n, kind in said} == wanted
