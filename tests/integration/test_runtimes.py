"""Runtimes other than the profile's, from the command line, on this computer."""

import json
from dataclasses import replace

import numpy as np
import pytest

from latkit import spaces
from latkit.cli import run
from latkit.config import database_url
from latkit.store import Store
from tests.conformance.store import SETTING, measurement
from tests.integration.command import latkit


@pytest.mark.slow
def test_a_predictor_is_validated_as_its_device_was_measured(capsys):
    pytest.importorskip("ai_edge_litert")
    here = ("--device", "local")
    asked = ("--runtime", "tflite", "--precision", "int8")
    measured = json.loads(latkit(capsys, "measure", *here, "--n", "3", *asked, "--json"))
    assert measured["setting"]["runtime"] == "tflite"
    assert measured["setting"]["precision"] == "int8"
    assert {row["verdict"] for row in measured["measurements"]} <= {"valid", "suspect"}
    latkit(capsys, "adapt", *here)
    latkit(capsys, "validate", *here, "--n", "3")
    (setting,) = json.loads(latkit(capsys, "dataset", "info", "--json"))
    assert (setting["precision"], setting["archs"]) == ("int8", 6)


@pytest.fixture
def two_runtimes():
    archs = spaces.get("nb201").sample(np.random.default_rng(0), 4)
    with Store.open(database_url()) as store:
        for number, arch in enumerate(archs):
            known = measurement("x", setting=replace(SETTING, device="board"))
            found = replace(
                known, arch=arch, latency_ms=1.0 + number, measured_at=f"2026-01-0{number + 1}"
            )
            store.add(found)
            faster = replace(found.setting, runtime="torch:compile")
            earlier = f"2025-01-0{number + 1}"
            store.add(replace(found, setting=faster, latency_ms=0.5, measured_at=earlier))


@pytest.mark.parametrize(
    ("asked", "fastest_ms"),
    [((), 1.0), (("--runtime", "torch"), 0.5), (("--precision", "fp32"), 1.0)],
)
def test_adapting_to_one_of_several_runtimes(two_runtimes, capsys, asked, fastest_ms):
    (report,) = json.loads(latkit(capsys, "adapt", "--device", "board", *asked, "--json"))
    assert report["samples"] == 4
    assert report["fastest_ms"] == fastest_ms
    assert "4 measurements of other settings were left out" in report["notes"][-1]


def test_adapting_to_a_runtime_that_was_not_measured(two_runtimes, capsys):
    assert run(["adapt", "--device", "board", "--runtime", "tflite"]) == 4
    said = capsys.readouterr().err
    assert "none of the 8 measurements has runtime tflite" in said
    assert "latkit dataset info" in said


@pytest.mark.parametrize(
    ("asked", "status", "message", "hint"),
    [
        (("--runtime", "tflit"), 2, "unknown runtime 'tflit'", "did you mean 'tflite'?"),
        (("--runtime", "command"), 2, "table [command]", ""),
        (("--runtime", "torch", "--precision", "int8"), 2, "no int8 models", "fp32 or fp16"),
        (("--provider", "CUDA"), 1, "has no CUDA, only", "set provider in the profile"),
        (("--runtime", "tflite", "--provider", "x"), 1, "builtin, delegate:PATH", "profile local"),
    ],
)
def test_what_cannot_be_is_said_at_once(capsys, asked, status, message, hint):
    pytest.importorskip("torch")
    pytest.importorskip("ai_edge_litert")
    assert run(["measure", "--device", "local", "--n", "2", *asked]) == status
    said = capsys.readouterr().err
    assert message in said
    assert hint in said
    assert "Traceback" not in said
