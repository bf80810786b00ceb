"""What all programs that run on a device have in common."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from latkit.devices.runners import runner_dir

FILES = sorted(runner_dir().glob("*.py"))
OWN = {file.stem for file in FILES}


def imported(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text(), feature_version=(3, 8))))
    plain = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_python_3_8_can_read_it_and_it_needs_the_runtime_alone(file: Path):
    runtime = "onnxruntime" if file.stem == "predict" else file.stem.partition("runtime_")[2]
    allowed = sys.stdlib_module_names | OWN | ({"numpy", runtime} if runtime else set())
    assert {name.partition(".")[0] for name in imported(file)} <= allowed


@pytest.mark.parametrize("name", ["digests", "probe"])
def test_what_is_sent_alone_needs_none_of_the_others(name: str):
    assert not imported(runner_dir() / f"{name}.py") & OWN


@pytest.mark.parametrize("name", ["lease_holder", "tuner"])
def test_what_is_held_there_is_kept_away_from_strangers_and_needs_no_more(name: str):
    assert imported(runner_dir() / f"{name}.py") & OWN == {"isolation"}
