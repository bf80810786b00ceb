"""Where latkit keeps things: XDG directories, each of which an environment variable can move."""

from __future__ import annotations

import os
from pathlib import Path


def _directory(variable: str, xdg: str, fallback: str) -> Path:
    if own := os.environ.get(variable):
        return Path(own).expanduser()
    base = os.environ.get(xdg)
    return (Path(base) if base else Path.home() / fallback) / "latkit"


def config_dir() -> Path:
    """The user's device profiles live in its ``devices/`` (``LATKIT_CONFIG_DIR``)."""
    return _directory("LATKIT_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")


def data_dir() -> Path:
    """The dataset and the adapted predictors (``LATKIT_DATA_DIR``)."""
    return _directory("LATKIT_DATA_DIR", "XDG_DATA_HOME", ".local/share")


def cache_dir() -> Path:
    """Built model files, safe to delete (``LATKIT_CACHE_DIR``)."""
    return _directory("LATKIT_CACHE_DIR", "XDG_CACHE_HOME", ".cache")
