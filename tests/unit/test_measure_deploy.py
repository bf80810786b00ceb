"""The runner on the device: found, named by its content, put there once."""

from __future__ import annotations

from pathlib import Path

import pytest

import latkit
from latkit.devices.transport.local import LocalTransport
from latkit.measure import deploy


def test_a_checkout_has_its_runner_beside_the_package():
    names = {file.name for file in deploy.runner_files()}
    assert {"harness.py", "child.py", "timing.py", "runtime_onnxruntime.py"} <= names


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runner's folder in an installed wheel, with another folder ``runners`` beside it."""
    package = tmp_path / "site-packages" / "latkit"
    folder = package / "_runners"
    folder.mkdir(parents=True)
    (folder / "harness.py").write_text("print(1)")
    other = package.parent / "runners"
    other.mkdir()
    (other / "somebody_elses.py").touch()
    monkeypatch.setattr(latkit, "__file__", str(package / "__init__.py"))
    return folder


def test_a_wheel_has_its_runner_inside(installed: Path):
    assert deploy.runner_files() == [installed / "harness.py"]


def test_every_version_has_a_place_of_its_own(installed: Path, tmp_path: Path):
    device = str(tmp_path / "device")
    first = deploy.deploy_runner(LocalTransport(), device)
    assert Path(first).read_text() == "print(1)"
    (installed / "harness.py").write_text("print(2)")
    second = deploy.deploy_runner(LocalTransport(), device)
    assert first != second
    assert Path(first).read_text() == "print(1)"
    assert Path(second).read_text() == "print(2)"


def test_it_is_put_there_once_and_completed_where_files_are_missing(
    installed: Path, tmp_path: Path
):
    (installed / "child.py").write_text("")
    device = str(tmp_path / "device")
    harness = Path(deploy.deploy_runner(LocalTransport(), device))
    before = harness.stat()
    (harness.parent / "child.py").unlink()
    assert deploy.deploy_runner(LocalTransport(), device) == str(harness)
    assert harness.stat().st_ino == before.st_ino
    assert (harness.parent / "child.py").exists()
