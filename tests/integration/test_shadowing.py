"""What lies about on a device takes the place of no module that latkit's programs need."""

from __future__ import annotations

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from latkit.devices.deploy import Deployed, deploy
from latkit.devices.profile import Profile, create
from latkit.devices.transport.local import LocalTransport
from latkit.measure.readiness import read_state
from latkit.measure.session import Session

BROKEN = "raise SystemExit('this is no module of latkit')\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of whatever runs on the device."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def device(tmp_path: Path) -> Profile:
    return create({"name": "here", "transport": "local", "remote_dir": f"{tmp_path}/latkit"})


def litter(folder: Path) -> None:
    """Modules of the names of the standard library's, of numpy and of the runtime."""
    for name in ("json", "argparse", "hashlib", "socket", "numpy"):
        (folder / f"{name}.py").write_text(BROKEN)
    (folder / "onnxruntime").mkdir()
    (folder / "onnxruntime" / "__init__.py").write_text(BROKEN)


def require_all_to_work(device: Profile) -> None:
    with Session(device) as session:
        assert session.hello.runtime == "onnxruntime"


def test_in_the_working_directory(home: Path, device: Profile):
    litter(home)
    require_all_to_work(device)


@pytest.mark.parametrize("spelling", ["", ".", "{home}", ":/nowhere", "{home}:/nowhere"])
def test_in_the_working_directory_that_pythonpath_names(
    home: Path, device: Profile, monkeypatch: pytest.MonkeyPatch, spelling: str
):
    litter(home)
    monkeypatch.setenv("PYTHONPATH", spelling.format(home=home))
    require_all_to_work(device)


def test_beside_the_programs(home: Path, device: Profile):
    litter(Path(deploy(LocalTransport(), device).folder))
    require_all_to_work(device)


def test_the_standard_librarys_names_elsewhere(
    home: Path, tmp_path: Path, device: Profile, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "json.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    require_all_to_work(device)


def test_pythonpath_still_names_what_is_wanted(
    tmp_path: Path, device: Profile, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "onnxruntime.py").write_text(
        "__version__ = '9.8.7'\ndef get_available_providers(): return ['CPUExecutionProvider']\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    with Session(device) as session:
        assert session.hello.runtime_version == "9.8.7"


def test_what_a_user_has_installed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As ``pip install --user`` puts it, for a Python that is nobody's virtual environment."""
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path / "base"))
    asked = [str(python), "-c", "import site; print(site.getusersitepackages())"]
    site = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    site.mkdir(parents=True)
    (site / "numpy.py").touch()
    (site / "onnxruntime.py").write_text(
        "__version__ = '9.8.7'\ndef get_available_providers(): return ['CPUExecutionProvider']\n"
    )
    values = {"name": "here", "transport": "local", "remote_dir": f"{tmp_path}/latkit"}
    with Session(create({**values, "python": str(python)})) as session:
        assert session.hello.runtime_version == "9.8.7"


@pytest.fixture
def deployed(home: Path, device: Profile) -> Deployed:
    return deploy(LocalTransport(), device)


def test_damaged_bytecode_is_not_read(deployed: Deployed):
    with Session(deployed.profile):
        pass
    for name in ("boards", "sysfs", "child"):
        cached = Path(py_compile.compile(deployed.path(f"{name}.py")))
        cached.write_bytes(cached.read_bytes()[:600])
    assert read_state(deployed).load is not None
    require_all_to_work(deployed.profile)
