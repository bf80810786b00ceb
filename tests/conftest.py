"""What tests of every kind need."""

import gc
import os
import signal

import pytest

from tests import needs, oldest_python

pytest.importorskip = needs.package  # in every test, so that --strict sees what is broken

# As users have it, whose streams are written late.
os.environ.pop("PYTHONUNBUFFERED", None)

# What a shell starts in the background ignores Ctrl-C, and all that it starts itself does too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    found = oldest_python.oldest()
    return f"what runs on devices is run by Python {found.version} too: {found.path}"


@pytest.fixture
def no_collection():
    """No garbage is collected: what is finalised at the end of the stack fails, and is blamed."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def own_directories(tmp_path, monkeypatch):
    """Configuration, dataset and cache under ``tmp_path``, never those of whoever runs this."""
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"LATKIT_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.delenv("LATKIT_DB", raising=False)
