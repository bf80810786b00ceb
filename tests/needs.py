"""What tests need beyond the computer itself: without it a test is skipped, or fails if strict.

``scripts/test --strict`` sets ``LATKIT_TEST_STRICT``. What a test can only have on some computers
(a GPU, root, another shell) is no such need and stays a plain ``pytest.skip``.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

INSTALLED = {
    "ai_edge_litert": "tflite",
    "distributed": "dask",
    "joblib": "evaluate",
    "matplotlib": "evaluate",
    "mypy": "dev",
    "ncnn": "ncnn",
    "networkx": "evaluate",
    "onnxscript": "train",
    "openvino": "openvino",
    "pandas": "frame",
    "psycopg": "postgres",
    "sklearn": "evaluate",
    "torch": "train",
}
"""Packages that scripts/test installs, and the extra that brings each."""

_skip_unless_importable = pytest.importorskip


def strict() -> bool:
    return bool(os.environ.get("LATKIT_TEST_STRICT"))


def lacking(what: str, remedy: str) -> NoReturn:
    """End the test: ``what`` is not here, and ``remedy`` says how to get it."""
    if strict():
        pytest.fail(f"--strict: {what}: {remedy}", pytrace=False)
    pytest.skip(f"{what}: {remedy}", allow_module_level=True)


def package(name: str, *arguments: object, **options: object) -> ModuleType:
    """``pytest.importorskip``, but that no package of an extra may be missing or broken."""
    extra = INSTALLED.get(name.partition(".")[0])
    if extra is None:
        return _skip_unless_importable(name, *arguments, **options)
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        lacking(f"{name} cannot be imported ({problem})", f"pip install -e '.[{extra}]'")


def published_data() -> Path:
    """The folder of the published tables."""
    folder = os.environ.get("LATKIT_PUBLISHED_DATA")
    if not folder:
        lacking("LATKIT_PUBLISHED_DATA is not set", "let it name the folder of the published data")
    return Path(folder)
