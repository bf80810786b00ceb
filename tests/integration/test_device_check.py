"""``device check`` says ready where measuring works, and only there."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from latkit.cli import run
from latkit.devices.deploy import deploy
from latkit.devices.finding import Finding
from latkit.devices.lease import Lease
from latkit.devices.profile import load
from latkit.devices.transport import open_transport
from latkit.lab import device
from tests.integration.own_lease import write_profile
from tests.integration.sshd import running_sshd

# A runtime that is imported without complaint, and dies once it is given a tensor.
STAND_IN = """
import os, signal
__version__ = "1.16.3"
def get_available_providers(): return ["CPUExecutionProvider"]
class SessionOptions: pass
def InferenceSession(*_, **__): os.kill(os.getpid(), signal.{signal})
"""
Found = dict[str, Finding]
Board = Callable[..., str]


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """Writes the profile of a local device; returns its name."""
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"LATKIT_{name}_DIR", str(tmp_path / name.lower()))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)

    def write(*lines: str, remote: Path = tmp_path / "device") -> str:
        local = 'transport = "local"'
        return write_profile(tmp_path / "config", "board", local, *lines, remote=remote)

    return write


def check(name: str, **options: object) -> Found:
    return {finding.name: finding for finding in device.check(name, options)}


def problems(found: Found) -> list[str]:
    return [name for name, finding in found.items() if finding.level == "problem"]


def python_with(tmp_path: Path, **modules: str) -> str:
    """A Python in whose packages these modules come before those that are installed."""
    site = tmp_path / "venv" / "site-packages"
    site.mkdir(parents=True)
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)
    python = tmp_path / "venv" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return f'python = "{python}"'


def test_a_network_is_measured(board: Board):
    found = check(board())
    assert problems(found) == []
    assert found["a network"].detail.endswith("ms for nb201's canary")


def test_under_the_condition_that_is_asked_for(board: Board, capsys: pytest.CaptureFixture[str]):
    name = board()
    words = ["--runtime", "tflite", "--precision", "int8", "--threads", "64", "--batch", "2"]
    assert run(["device", "check", name, *words, "--json"]) == 0
    said = capsys.readouterr()
    found = {row["name"]: row for row in json.loads(said.out)}
    assert "ai_edge_litert" in found["runtime"]["detail"]
    assert found["processors"]["level"] == "warning"
    assert "64 threads" in found["processors"]["detail"]
    assert f"latkit measure --device {name} --n 20 {' '.join(words)}" in said.err


def test_nothing_is_said_ready_under_a_condition_that_cannot_be(board: Board):
    assert problems(check(board(), provider="CUDAExecutionProvider")) == ["provider"]
    assert problems(check(board(), affinity=[0, 1000])) == ["processors"]
    assert problems(check(board(), runtime="torch", precision="int8")) == ["a network"]


@pytest.mark.parametrize(
    ("signal", "advice"),
    [("SIGSEGV", "numpy<2"), ("SIGILL", "onnxruntime<1.16.3"), ("SIGABRT", "numpy<2")],
)
def test_a_runtime_that_dies_at_the_first_tensor(
    tmp_path: Path, board: Board, signal: str, advice: str
):
    found = check(board(python_with(tmp_path, onnxruntime=STAND_IN.format(signal=signal))))
    assert found["runtime"].level == "ok"
    assert f"died of {signal}" in found["a network"].detail
    assert advice in (found["a network"].hint or "")


def test_a_runtime_that_the_memory_does_not_suffice_for(tmp_path: Path, board: Board):
    found = check(board(python_with(tmp_path, onnxruntime=STAND_IN.format(signal="SIGKILL"))))
    assert "the memory did not suffice" in found["a network"].detail
    assert "swap" in (found["a network"].hint or "")


@pytest.mark.parametrize("name", ["numpy", "onnxruntime"])
def test_a_build_for_a_newer_processor(tmp_path: Path, board: Board, name: str):
    dying = "__version__ = '2.0.0'\nimport os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
    finding = check(board(python_with(tmp_path, **{name: dying})))["runtime"]
    assert finding.level == "problem"
    assert f"{name}.py died of SIGILL: it was built for a newer processor" in finding.detail
    assert os.uname().machine in (finding.hint or "")
    assert "apt-get install python3" not in (finding.hint or "")


def test_what_lies_about_in_the_home_directory(board: Board, tmp_path: Path):
    for name in ("json", "numpy", "argparse"):
        (tmp_path / "home" / f"{name}.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "home" / "onnxruntime").mkdir()
    (tmp_path / "home" / "onnxruntime" / "__init__.py").touch()
    assert problems(check(board())) == []


def test_a_folder_is_taken_for_no_runtime(tmp_path: Path, board: Board):
    name = board(python_with(tmp_path), 'runtime = "tflite"')
    for module in ("ai_edge_litert", "tflite_runtime"):
        (tmp_path / "venv" / "site-packages" / module).mkdir()
    assert check(name)["runtime"].detail.startswith("ai_edge_litert") or problems(check(name))


def test_a_module_that_pythonpath_names(
    tmp_path: Path, board: Board, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "onnxruntime.py").write_text("import no_such_thing")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/x")
    finding = check(board())["runtime"]
    assert finding.level == "problem"
    assert f"{tmp_path}/x/onnxruntime.py takes the place" in (finding.hint or "")


def test_half_written_programs_are_mended(board: Board):
    name = board()
    with open_transport(load(name)) as transport:
        folder = Path(deploy(transport, load(name)).folder)
    for file in folder.glob("*.py"):
        file.write_bytes(file.read_bytes()[:40] if file.name == "state.py" else b"")
    assert problems(check(name)) == []


def test_a_device_that_others_measure_on(board: Board):
    profile = load(board())
    with open_transport(profile) as transport, Lease(deploy(transport, profile)):
        found = check("board")
        assert problems(found) == ["lease"]
        assert found["lease"].hint == "wait until it has finished, then check again"
    assert problems(check("board")) == []


@pytest.mark.parametrize("version", ["3.6.15", "3.7.16"])
def test_a_python_that_is_too_old(board: Board, version: str):
    old = Path(f"/root/.pyenv/versions/{version}/bin/python")
    if not (os.access(old.parent.parent.parent, os.X_OK) and old.exists()):
        pytest.skip(f"Python {version} is not here")
    finding = check(board(f'python = "{old}"'))["python"]
    assert f"is Python {version}, too old: Python 3.8 or newer is needed" in finding.detail
    assert "put python = " in (finding.hint or "")


def test_a_program_that_is_not_one(tmp_path: Path, board: Board):
    script = tmp_path / "benchmark"
    script.write_text("#!/bin/sh\n")
    told = f'words = ["{script}", "{{model}}"]\nformat = "onnx"\nyields = "median"\n'
    command = f"[command]\n{told}pattern = '(?P<latency>x)'\nunit = \"ms\"\n"
    # The folder's line comes last, and may not be of the table.
    name = board('runtime = "command"')
    file = tmp_path / "config" / "devices" / "board.toml"
    file.write_text(file.read_text() + command)
    finding = check(name)["program"]
    assert f"{script} is no program that can be started" in finding.detail
    script.chmod(0o755)
    found = check(name)
    assert found["program"].level == "ok"
    assert "found no latency" in found["a network"].detail


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A folder that nobody may write to, root neither."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.getuid() == 0:
        return Path("/proc/latkit")
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    return folder / "latkit"


def test_a_home_that_cannot_be_written_to(board: Board, read_only: Path):
    finding = check(board(remote=read_only))["access"]
    assert finding.level == "problem"
    assert "point remote_dir" in (finding.hint or "")


@pytest.fixture
def far_board(tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The profile of a device that is reached over SSH."""
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"LATKIT_{name}_DIR", str(tmp_path / name.lower()))
    python = f'python = "{sys.executable}"'
    return write_profile(tmp_path / "config", "board", python, remote=tmp_path / "device")


@pytest.mark.parametrize("sessions", [1, 2, 10])
def test_as_many_sessions_as_measuring_uses(
    tmp_path: Path, far_board: str, monkeypatch: pytest.MonkeyPatch, sessions: int
):
    with running_sshd(tmp_path / "sshd", options=f"MaxSessions {sessions}") as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        assert problems(check(far_board)) == []


def test_a_server_that_allows_no_session(
    tmp_path: Path, far_board: str, monkeypatch: pytest.MonkeyPatch
):
    with running_sshd(tmp_path / "sshd", options="MaxSessions 0") as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        found = check(far_board)
    (name,) = problems(found)
    assert "MaxSessions" in (found[name].hint or "")
