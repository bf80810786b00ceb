"""What a person types wrong gets one message, an exit code, and no traceback."""

import json

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
        (["space", "sample", "nb201", "--n", "0"], 2, "--n"),
        (["measure", "--device", "rpi44"], 2, "did you mean"),
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


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_the_traceback_wherever_it_stands(capsys, place):
    words = ["predict", "absent.json"]
    words.insert(place, "--debug")
    assert run(words) == 2
    assert "Traceback" in capsys.readouterr().err
    assert run(["predict", "absent.json"]) == 2
    assert "Traceback" not in capsys.readouterr().err
