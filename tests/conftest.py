"""What tests of every kind need."""

import pytest


@pytest.fixture(autouse=True)
def own_directories(tmp_path, monkeypatch):
    """Configuration, dataset and cache under ``tmp_path``, never those of whoever runs this."""
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"LATKIT_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.delenv("LATKIT_DB", raising=False)
