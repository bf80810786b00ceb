"""What is lacking is a reason to skip a test, and under --strict to fail it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["", "yes"], ids=["skipped", "strict"])
def ending(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    """How a test ends."""
    monkeypatch.setenv("LATKIT_TEST_STRICT", request.param)
    return pytest.fail.Exception if request.param else pytest.skip.Exception


def test_a_server(ending: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from tests.integration import sshd

    monkeypatch.setattr(sshd, "_SERVER", "/no/such/server")
    with (
        pytest.raises(ending, match="not installed: apt-get install openssh-server"),
        sshd.running_sshd(tmp_path),
    ):
        pass


def test_a_database(ending: type[BaseException], monkeypatch: pytest.MonkeyPatch):
    from tests.integration import postgres

    monkeypatch.setattr(postgres, "_program", lambda name: None)
    with pytest.raises(ending, match="apt-get install postgresql"), postgres.running():
        pass


def test_the_published_data(ending: type[BaseException], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LATKIT_PUBLISHED_DATA", raising=False)
    with pytest.raises(ending, match="LATKIT_PUBLISHED_DATA is not set"):
        needs.published_data()


def test_a_package_that_no_extra_brings_may_be_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LATKIT_TEST_STRICT", "yes")
    with pytest.raises(pytest.skip.Exception):
        pytest.importorskip("no_such_package")


@pytest.mark.parametrize(("strict", "summary"), [("", "1 skipped"), ("yes", "1 error")])
def test_a_module_of_tests_whose_package_is_broken(tmp_path: Path, strict: str, summary: str):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch.so is damaged')")
    tests = tmp_path / "test_of_torch.py"
    tests.write_text("import pytest\npytest.importorskip('torch')\ndef test(): pass\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "LATKIT_TEST_STRICT": strict}
    options = ["-rs", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", *options, f"--rootdir={tmp_path}", str(tests)]
    said = subprocess.run(command, capture_output=True, text=True, env=environment).stdout
    assert summary in said
    assert "libtorch.so is damaged" in said
    assert "pip install -e '.[train]'" in said
