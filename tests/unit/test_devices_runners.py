"""Which files run on a device: latkit's own, and those of another package's runtime."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import latkit
from latkit.devices import runners
from latkit.devices.deploy import deploy
from latkit.devices.profile import create
from latkit.devices.runtimes import RUNTIMES
from latkit.devices.transport.local import LocalTransport
from latkit.errors import LatkitError, UnknownNameError
from latkit.measure.runner import Runner
from tests.unit.another_package import installed_runtime

RUNTIME = """
from runtime_onnxruntime import FORMAT, Model, providers
from theirs_version import version

NAME = "theirs"
"""
FILES = {"runtime_theirs.py": RUNTIME, "theirs_version.py": "def version():\n    return '7.1'\n"}


def test_a_checkout_has_them_beside_the_package():
    names = set(runners.runner_files("onnxruntime"))
    assert {"harness.py", "lease_holder.py", "tuner.py", "runtime_tflite.py"} <= names
    assert runners.runner_file("probe.py").is_file()


def test_a_wheel_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "site-packages" / "latkit"
    (package / "_runners").mkdir(parents=True)
    (package / "_runners" / "harness.py").touch()
    (package.parent / "runners").mkdir()
    (package.parent / "runners" / "somebody_elses.py").touch()
    monkeypatch.setattr(latkit, "__file__", str(package / "__init__.py"))
    assert runners.runner_files("onnxruntime")["harness.py"].parent == package / "_runners"
    assert "somebody_elses.py" not in runners.runner_files("onnxruntime")


@pytest.mark.parametrize("name", RUNTIMES.names())
def test_every_runtime_has_its_files(name: str):
    assert all(file.is_file() for file in runners.runner_files(name).values())


def test_a_file_that_is_gone_is_said(tmp_path: Path):
    with pytest.raises(LatkitError, match="cannot read"):
        runners.digest(tmp_path / "gone")


def test_another_packages_runtime_is_deployed_and_starts(tmp_path: Path):
    with installed_runtime(tmp_path / "site", "theirs", FILES):
        values = {"transport": "local", "remote_dir": f"{tmp_path}/device", "runtime": "theirs"}
        deployed = deploy(LocalTransport(), create({"name": "here", **values}))
        assert Path(deployed.path("theirs_version.py")).is_file()
        assert deployed.digest != runners.runner_digest("onnxruntime")[:16]
        runner = Runner(deployed)
        hello = runner.greet()
        runner.close()
    assert (hello.runtime, hello.runtime_version, hello.format) == ("theirs", "7.1", "onnx")
    with pytest.raises(UnknownNameError):
        runners.runner_files("theirs")


def test_another_packages_files_change_nothing_for_other_runtimes(tmp_path: Path):
    before = runners.runner_digest("onnxruntime")
    with installed_runtime(tmp_path, "theirs", FILES):
        assert runners.runner_digest("onnxruntime") == before


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"runtime_theirs.py": "", "timing.py": ""}, "brings a file timing.py, which latkit has"),
        ({"theirs.py": ""}, "brings no file runtime_theirs.py"),
    ],
)
def test_another_packages_files_need_names_of_their_own(tmp_path: Path, files, said: str):
    with (
        installed_runtime(tmp_path, "theirs", files),
        pytest.raises(LatkitError, match=f"the runtime 'theirs' {said}"),
    ):
        runners.runner_files("theirs")


def test_modules_of_latkits_own_are_found_past_others_of_their_names():
    """Each that a program on the device imports is among those that ``isolation.py`` looks for."""
    files = {file.stem: file.read_text() for file in runners.runner_dir().glob("*.py")}
    imported = {
        name
        for text in files.values()
        for line in text.splitlines()
        for name in re.findall(r"^\s*(?:import|from) (\w+)", line)
    }
    own = re.search(r"OWN = \((.*?)\)", files["isolation"], re.S)
    assert own
    wanted = {name for name in imported & set(files) if not name.startswith("runtime_")}
    assert wanted - {"isolation"} <= set(re.findall(r'"(\w+)"', own.group(1)))
