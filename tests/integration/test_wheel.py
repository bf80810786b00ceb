"""A stranger's way: the built wheel in an empty environment does the main job, without torch."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.integration.own_lease import write_profile

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A folder with an empty environment that only the wheel was installed into."""
    folder = tmp_path_factory.mktemp("stranger")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("latkit-*.whl")
    venv.create(folder / "venv", with_pip=True)
    install = [folder / "venv/bin/pip", "install", "--quiet", str(wheel)]
    installed = subprocess.run(install, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    write_profile(folder / "CONFIG", "local", 'transport = "local"', remote=folder / "device")
    return folder


def latkit(environment, *arguments):
    own = {f"LATKIT_{name}_DIR": str(environment / name) for name in ("CONFIG", "DATA", "CACHE")}
    result = subprocess.run(
        [environment / "venv/bin/latkit", *arguments],
        cwd=environment,
        env={**os.environ, **own, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_main_job_from_the_wheel(environment):
    python = environment / "venv/bin/python"
    torch = subprocess.run([python, "-c", "import torch"], capture_output=True)
    assert torch.returncode != 0, "the core install is torch-free"
    measured = json.loads(latkit(environment, "measure", "--device", "local", "--n", "3", "--json"))
    assert [m["verdict"] != "invalid" for m in measured["measurements"]] == [True] * 3
    latkit(environment, "adapt", "--device", "local")
    (row,) = json.loads(latkit(environment, "predict", str(ROOT / "examples/arch.json"), "--json"))
    assert 0 < row["lower_ms"] < row["mean_ms"] < row["upper_ms"]
    assert "rpi4" in latkit(environment, "device", "list")
