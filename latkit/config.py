"""Where latkit keeps things: XDG directories, each of which an environment variable can move."""

from __future__ import annotations

import os
from pathlib import Path

from latkit.errors import UsageError


def _directory(variable: str, xdg: str, fallback: str) -> Path:
    if own := os.environ.get(variable):
        return own_path(own, variable)
    base = os.environ.get(xdg)
    return (Path(base) if base else own_path("~", variable) / fallback) / "latkit"


def own_path(name: str, variable: str) -> Path:
    """A path of the user's, ``~`` resolved; raises UsageError where that is nobody's home."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        home = name.split("/", 1)[0]
        what = f"there is no home directory {home}" if home != "~" else "you have no home directory"
        raise UsageError(what, f"set {variable} to a folder") from None


def config_dir() -> Path:
    """The user's device profiles live in its ``devices/`` (``LATKIT_CONFIG_DIR``)."""
    return _directory("LATKIT_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")


def data_dir() -> Path:
    """The dataset and the adapted predictors (``LATKIT_DATA_DIR``)."""
    return _directory("LATKIT_DATA_DIR", "XDG_DATA_HOME", ".local/share")


def cache_dir() -> Path:
    """Built model files, safe to delete (``LATKIT_CACHE_DIR``)."""
    return _directory("LATKIT_CACHE_DIR", "XDG_CACHE_HOME", ".cache")
