"""Predictors on this computer: one that is damaged spoils only itself, and is named."""

import errno
import json
import shutil
from dataclasses import replace

import onnx
import pytest

from latkit.cli import run
from latkit.errors import BundleError
from latkit.lab import Lab
from latkit.lab.predictors import damaged, kept
from latkit.predictor.runtime import METADATA_KEY
from tests.unit.test_lab_conditions import BATCH_8, EXAMPLE, OWN, latkit, measured, store

RPI5 = replace(OWN, board="rpi5")


@pytest.fixture
def lab():
    lab = Lab()
    store(lab, measured(OWN), measured(RPI5, 2.0))
    lab.adapt("rpi4")
    lab.adapt("rpi5")
    return lab


def note_of(lab, device):
    (one,) = kept(lab, device)
    return one.file.with_suffix(".json")


def telling(**changes):
    def damage(note):
        told = json.loads(note.read_text())
        condition = {**told["condition"], **changes.pop("condition", {})}
        note.write_text(json.dumps({**told, "condition": condition, **changes}))

    return damage


def endless(note):
    note.unlink()
    note.symlink_to("/dev/zero")


DAMAGE = {
    "no JSON": lambda note: note.write_text("{"),
    "no object": lambda note: note.write_text("[]"),
    "no text": lambda note: note.write_bytes(b"\xff\xfe"),
    "nothing": lambda note: note.write_text(""),
    "no end": endless,
    "too deep": lambda note: note.write_text("[" * 10**5),
    "many digits": lambda note: note.write_text('{"samples": ' + "9" * 5000 + "}"),
    "samples of another type": lambda note: telling(samples="many")(note),
    "endless samples": lambda note: telling(samples=float("inf"))(note),
    "samples that are truth": lambda note: telling(samples=True)(note),
    "less than no samples": lambda note: telling(samples=-20)(note),
    "an endless number": lambda note: telling(last_stored=float("inf"))(note),
    "a space of another type": lambda note: telling(space=["nb201"])(note),
    "threads of another type": lambda note: telling(condition={"threads": "4"})(note),
    "a device of another type": lambda note: telling(condition={"device": ["rpi5"]})(note),
    "affinity of another type": lambda note: telling(condition={"affinity": ["1"]})(note),
    "another device": lambda note: telling(condition={"device": "../../rpi4"})(note),
    "steering": lambda note: telling(condition={"device": "\x1b[2J\n\u202e"})(note),
    "no condition": lambda note: telling(condition={})(note) or note.write_text('{"samples": 1}'),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_note_spoils_only_itself_and_is_named(lab, capsys, tmp_path, damage):
    note = note_of(lab, "rpi5")
    damage(note)
    rows, err = latkit(capsys, "predict", EXAMPLE)
    assert [row["device"] for row in rows] == ["rpi4"]
    assert str(note) in err
    assert "\x1b" not in err
    _, err = latkit(capsys, "predict", EXAMPLE, "--device", "rpi5", status=1)
    assert str(note) in err
    latkit(capsys, "predict", EXAMPLE, "--device", "rpi4")
    latkit(capsys, "export", "--device", "rpi4", "-o", str(tmp_path / "out"))
    latkit(capsys, "dataset", "verify")
    latkit(capsys, "adapt", "--device", "rpi4")
    latkit(capsys, "adapt", "--device", "rpi5")
    assert len(latkit(capsys, "predict", EXAMPLE)[0]) == 2
    assert not damaged(lab)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("format", 2, "format 2, not 1"),
        ("format", None, "format None, not 1"),
        ("samples", float("inf"), "no count"),
        ("samples", "20", "no count"),
        ("level", float("nan"), "no level"),
        ("level", 90, "no level"),
        ("trained_on", "abc", "which networks"),
        ("trained_on", [1], "which networks"),
    ],
)
def test_a_predictor_that_tells_nonsense_is_not_believed(lab, capsys, name, value, said):
    (one,) = kept(lab, "rpi5")
    model = onnx.load(one.file)
    told = {**json.loads(model.metadata_props[0].value), name: value}
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(told)})
    onnx.save(model, one.file)
    rows, err = latkit(capsys, "predict", EXAMPLE)
    assert [row["device"] for row in rows] == ["rpi4"]
    assert said in err
    _, err = latkit(capsys, "predict", EXAMPLE, "--device", "rpi5", status=1)
    assert "latkit adapt --device rpi5" in err


def test_a_note_of_another_predictor_is_not_believed(lab, capsys):
    telling(samples=1000)(note_of(lab, "rpi5"))
    rows, err = latkit(capsys, "predict", EXAMPLE)
    assert [row["device"] for row in rows] == ["rpi4"]
    assert "is another predictor than its note tells of" in err
    for words in (["predict", EXAMPLE], ["export"]):
        _, err = latkit(capsys, *words, "--device", "rpi5", status=1)
        assert "latkit adapt --device rpi5" in err


def test_a_predictor_put_in_anothers_place_is_not_believed(lab, capsys):
    (own,), (other,) = kept(lab, "rpi4"), kept(lab, "rpi5")
    shutil.copyfile(own.file, other.file)
    rows, err = latkit(capsys, "predict", EXAMPLE)
    assert [row["device"] for row in rows] == ["rpi4"]
    assert "another predictor" in err


def test_a_broken_profile_of_another_device_spoils_nothing(lab, capsys, tmp_path):
    folder = tmp_path / "config" / "devices"
    folder.mkdir(parents=True)
    (folder / "rpi5.toml").write_text("threads = ")
    rows, err = latkit(capsys, "predict", EXAMPLE)
    assert [row["device"] for row in rows] == ["rpi4"]
    assert "rpi5.toml" in err
    for words in (["adapt"], ["dataset", "verify"], ["export", "-o", str(tmp_path / "out")]):
        assert run([*words, "--device", "rpi4"]) == 0
    assert run(["dataset", "verify"]) == 0


def test_conditions_that_are_whole_are_asked(lab, capsys):
    store(lab, measured(BATCH_8))
    lab.adapt("rpi4")
    (batch,) = (one for one in kept(lab, "rpi4") if one.condition.batch == 8)
    batch.file.write_bytes(b"")
    rows, err = latkit(capsys, "predict", EXAMPLE, "--device", "rpi4", "--all-conditions")
    assert [row["batch"] for row in rows] == [1]
    assert str(batch.file) in err


def test_a_predictor_that_cannot_be_read_is_one_message(lab):
    (one,) = kept(lab, "rpi5")
    one.file.unlink()
    one.file.symlink_to("/dev/zero")
    with pytest.raises(BundleError):
        lab.predictor("rpi5")


def test_an_export_replaces_nothing_but_exports(lab, capsys, tmp_path):
    out, (one,) = tmp_path / "out", kept(lab, "rpi4")
    good = one.file.read_bytes()
    for _ in range(2):
        latkit(capsys, "export", "--device", "rpi4", "-o", str(out))
    (tmp_path / "other").write_text("precious")
    for target in (one.file, tmp_path / "other"):
        (out / "predictor.onnx").unlink()
        (out / "predictor.onnx").symlink_to(target)
        latkit(capsys, "export", "--device", "rpi4", "-o", str(out))
        assert (out / "predictor.onnx").read_bytes() == one.file.read_bytes() == good
    assert (tmp_path / "other").read_text() == "precious"
    (out / "predict.py").write_text("import torch\n")
    (out / "predictor.onnx").write_text("mine")
    _, err = latkit(capsys, "export", "--device", "rpi4", "-o", str(out), status=2)
    assert "a file of your own" in err
    assert (out / "predictor.onnx").read_text() == "mine"


def test_an_export_that_is_cut_off_leaves_the_one_before(lab, capsys, tmp_path, monkeypatch):
    latkit(capsys, "export", "--device", "rpi4", "-o", str(tmp_path))
    before = (tmp_path / "predictor.onnx").read_bytes()

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    _, err = latkit(capsys, "export", "--device", "rpi5", "-o", str(tmp_path), status=1)
    assert "No space left" in err
    assert (tmp_path / "predictor.onnx").read_bytes() == before
    assert not list(tmp_path.glob(".*.part"))
