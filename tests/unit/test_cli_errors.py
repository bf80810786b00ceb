"""What a person types wrong gets one message, an exit code, and no traceback."""

import json
from pathlib import Path

import pytest

from latkit.cli import run


def arch_file(tmp_path, text):
    path = tmp_path / "arch.json"
    path.write_text(text)
    return str(path)


def record(space, arch):
    return json.dumps({"space": space, "arch": arch})


NB201 = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"
BAD_FILES = {
    "empty": ("", "is empty"),
    "not json": ("{", "is not JSON"),
    "no object": ("[1]", "entry 1: expected an object"),
    "no space": ('{"arch": "x"}', "'space' is missing"),
    "unknown space": ('{"space": "nb20", "arch": "x"}', "unknown space 'nb20'"),
    "unknown operation": (
        record("nb201", NB201.replace("nor_conv_3x3", "conv_3x3")),
        "conv_3x3",
    ),
    "too few operations": (record("nb201", "|none~0|+|none~0|none~1|"), "nb201"),
    "second line bad": (
        record("nb201", NB201) + "\n" + record("fbnet", "0_1"),
        "line 2",
    ),
    "deep": ("[" * 100_000, "is not JSON"),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_arch_file(tmp_path, capsys, text, message):
    assert run(["predict", arch_file(tmp_path, text)]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert "error: " in shown


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["mesure"], 2, "Did you mean 'measure'?"),
        (["predict", "absent.json"], 2, "cannot read absent.json"),
        (["predict", "."], 2, "cannot read ."),
        (["space", "sample", "nb202"], 2, "did you mean 'nb201'?"),
        (
            ["space", "sample", "nb201", "--n", "0"],
            2,
            "'--n': '0' is no whole number from 1 to 1,000,000",
        ),
        (
            ["validate", "--device", "local", "--n", "1e3"],
            2,
            "'--n': '1e3' is no whole number from 3 to 1,000,000",
        ),
        (["device", "add", "x", "--port", "0"], 2, "'0' is no whole number from 1 to 65,535"),
        (["measure", "--device", "local", "--seed", "x"], 2, "'--seed': 'x' is no whole number"),
        (["measure", "--device", "rpi44"], 2, "did you mean"),
        (["adapt", "--device", "locl"], 4, "hint: did you mean 'local'? 'latkit device list'"),
        (["validate", "--device", "locl"], 1, "hint: did you mean 'local'? 'latkit device list'"),
        (["adapt", "--device", "local"], 4, "no usable measurements of device 'local'"),
        (["validate", "--device", "local"], 1, "never adapted"),
        (["export", "--device", "local"], 1, "never adapted"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(capsys, arguments, status, message):
    assert run(arguments) == status
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown


def test_predicting_for_a_device_never_adapted(tmp_path, capsys):
    path = arch_file(tmp_path, record("nb201", NB201))
    assert run(["predict", path, "--device", "local"]) == 1
    shown = capsys.readouterr().err
    assert "'local' was never adapted for nb201" in shown
    assert "latkit adapt --device local" in shown


def test_a_mistyped_device_where_others_were_adapted(capsys, monkeypatch):
    from latkit.condition import Condition, Runtime
    from latkit.lab import predictors

    own = Condition("board", Runtime("onnxruntime", "1", "CPUExecutionProvider"))
    one = predictors.Kept(Path("x.onnx"), "nb201", own, 20, 1)
    monkeypatch.setattr(
        predictors, "kept", lambda _, device=None, space=None: [] if device else [one]
    )
    assert run(["validate", "--device", "bord"]) == 2
    assert "hint: did you mean 'board'? adapted: board; or: " in capsys.readouterr().err


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_the_traceback_wherever_it_stands(capsys, place):
    words = ["predict", "absent.json"]
    words.insert(place, "--debug")
    assert run(words) == 2
    assert "Traceback" in capsys.readouterr().err
    assert run(["predict", "absent.json"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def scripted(monkeypatch, *latencies, share=0.5):
    """Lets ``latkit measure`` find these latencies, None for a failure."""
    import numpy as np

    from latkit import spaces
    from latkit.condition import Condition, Runtime
    from latkit.lab import Lab
    from latkit.measure.campaign import CampaignResult
    from latkit.measurement import Measurement, Verdict

    own = Condition("local", Runtime("onnxruntime", "1", "CPUExecutionProvider"))
    archs = spaces.get("nb201").sample(np.random.default_rng(0), len(latencies))
    found = [
        Measurement(arch, own, Verdict("valid" if ms else "invalid", () if ms else ("x: y",)), ms)
        for arch, ms in zip(archs, latencies, strict=True)
    ]
    result = CampaignResult(own, tuple(found), 0, 1.0, share)
    monkeypatch.setattr(Lab, "measure", lambda *_, **__: result)


def test_a_campaign_in_which_all_failed_ends_with_its_own_exit_code(capsys, monkeypatch):
    scripted(monkeypatch, None, None)
    assert run(["measure", "--device", "local", "--again"]) == 4
    shown = capsys.readouterr()
    assert "none of the networks could be measured on local" in shown.err
    assert "'latkit dataset list --device local --verdict invalid' tells the reasons" in shown.err
    assert "invalid" in shown.out
    assert "next:" not in shown.err


@pytest.mark.parametrize(("share", "said"), [(0.5, ") in 1 s, 50.0 % of it timing\n"), (0, ")\n")])
def test_time_is_told_where_anything_was_timed(capsys, monkeypatch, share, said):
    scripted(monkeypatch, 1.0, 2.0, 3.0, share=share)
    assert run(["measure", "--device", "local"]) == 0
    shown = capsys.readouterr().err
    assert f"3 networks on local (onnxruntime 1, fp32, 1 thread, batch 1{said}" in shown


def test_a_campaign_in_which_some_failed_says_how_many(capsys, monkeypatch):
    scripted(monkeypatch, 1.0, 2.0, 3.0, None)
    assert run(["measure", "--device", "local", "--again"]) == 0
    shown = capsys.readouterr()
    assert "1 network could not be measured: 'latkit dataset list --device local" in shown.err
    assert "next: latkit adapt --device local" in shown.err
