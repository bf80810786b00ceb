"""Runtimes other than the profile's, from the command line, on this computer."""

import json

import pytest

from latkit.cli import run
from tests.integration.command import latkit


@pytest.mark.slow
def test_a_predictor_is_validated_as_its_device_was_measured(capsys, local):
    pytest.importorskip("ai_edge_litert")
    here = ("--device", local)
    asked = ("--runtime", "tflite", "--precision", "int8")
    measured = json.loads(latkit(capsys, "measure", *here, "--n", "3", *asked, "--json"))
    assert (measured["runtime"], measured["provider"]) == ("tflite", "XNNPACK")
    assert measured["precision"] == "int8"
    assert {row["verdict"] for row in measured["measurements"]} <= {"valid", "suspect"}
    latkit(capsys, "adapt", *here)
    assert run(["validate", *here, "--n", "3"]) == 1, "the profile's own condition was not measured"
    assert "--runtime tflite --precision int8" in capsys.readouterr().err
    latkit(capsys, "validate", *here, "--n", "3", *asked)
    (entry,) = json.loads(latkit(capsys, "dataset", "info", "--json"))
    assert (entry["precision"], entry["networks"]) == ("int8", 6)


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
def test_what_cannot_be_is_said_at_once(capsys, local, asked, status, message, hint):
    pytest.importorskip("torch")
    pytest.importorskip("ai_edge_litert")
    assert run(["measure", "--device", local, "--n", "2", *asked]) == status
    said = capsys.readouterr().err
    assert message in said
    assert hint in said
    assert "Traceback" not in said
