"""Whatever latkit suggests is typed, and works: every ``next:`` and every ``hint:``."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latkit import spaces
from latkit.cli import run
from latkit.condition import Condition, Runtime, State
from latkit.lab import Lab
from latkit.measurement import Measurement, Verdict
from latkit.protocol import StopRule

NB201, FBNET = spaces.get("nb201"), spaces.get("fbnet")
CPU = "CPUExecutionProvider"
STRANGE = Condition("my board", Runtime("onnxruntime", "1.20", CPU), threads=4, kind="x")
ONE = '{"space": "nb201", "arch": "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"}'
SUGGESTED = re.compile(r"^(?:next|hint|  or): (.*)$", re.MULTILINE)
QUOTED = re.compile(r"'(latkit [^']*(?:'\"'\"'[^']*)*)'")
FOUND_INVALID = 4
SHORT = StopRule(min_samples=16, min_s=0.02, max_s=0.1, warm_up_s=0.02)


def measured(condition, space=NB201, count=12, level="valid", seed=0):
    """Latencies that follow the FLOPs."""
    archs = space.sample(np.random.default_rng(seed), count)
    return [
        Measurement(
            arch,
            condition,
            Verdict(level),
            1 + space.network(arch).flops / 1e8,
            noise=0.01,
            measured_at=f"2026-11-20T12:00:{number:02}.000000+00:00",
        )
        for number, arch in enumerate(archs)
    ]


def suggested(said: str) -> list[str]:
    """The command lines in what was printed on standard error."""
    lines = SUGGESTED.findall(said)
    whole = [line for line in lines if not QUOTED.search(line) and "latkit " in line.split("(")[0]]
    return [line for line in whole if line.startswith(("latkit", "/"))] + [
        command for line in lines for command in QUOTED.findall(line)
    ]


class Keyboard:
    """Types commands, and then what they suggest, and what that suggests, until all is typed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.typed: dict[str, int] = {}
        program = folder / "bin" / "latkit"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m latkit "$@"\n')
        program.chmod(0o755)

    def type(self, command: str) -> tuple[int, str]:
        """The exit code and what is said on standard error; a shell is asked where one matters."""
        program, *words = shlex.split(command)
        if program != "latkit" or {"|", "&&", ">"}.intersection(words):
            return self._type_in_shell(command)
        self.capsys.readouterr()
        return run(words), self.capsys.readouterr().err

    def _type_in_shell(self, command: str) -> tuple[int, str]:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        root = str(Path(__file__).parents[2])
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stderr

    def follow(self, said: str) -> None:
        for command in map(quick, suggested(said)):
            if command not in self.typed:
                status, said = self.type(command)
                self.typed[command] = status
                verified = command.startswith("latkit dataset verify")
                fine = (0, FOUND_INVALID) if verified else (0,)
                assert status in fine, f"{command}\n{said}"
                self.follow(said)


def quick(command: str) -> str:
    """The same with fewer networks, which is as good a try."""
    return re.sub(r"--n (20|40)\b", "--n 3", command)


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    """What is measured here matters to nobody, however slow other tests make the computer."""
    monkeypatch.setattr("latkit.measure.session.StopRule", lambda: SHORT)
    monkeypatch.setattr("latkit.measure.campaign.CANARY_RULE", SHORT)
    monkeypatch.setattr("latkit.measure.quality.ABSURD", 1000.0)


@pytest.fixture
def keyboard(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Keyboard(tmp_path, capsys)


@pytest.fixture
def said(capsys):
    """Runs a command that is to end so; what it printed on standard error."""

    def of(*words, status=0):
        assert run(list(words)) == status, capsys.readouterr().err
        return capsys.readouterr().err

    return of


def store(*found):
    with Lab().store() as opened:
        opened.add_many([one for some in found for one in some])


@pytest.mark.slow
def test_from_measuring_to_exporting(local, keyboard, said):
    options = ["--threads", "2", "--state", "it's hot", "--batch", "2"]
    for words in ([], options):
        keyboard.follow(said("measure", "--device", local, "--n", "3", *words))
        keyboard.follow(said("adapt", "--device", local, *words))
        keyboard.follow(said("export", "--device", local, *words, "-o", "a folder"))
        keyboard.follow(said("export", "--device", local, *words, "-o", "b", "--deploy"))
    keyboard.follow(said("measure", "--device", local, "--n", "3", "--space", "fbnet"))
    keyboard.follow(said("adapt", "--device", local, "--space", "fbnet"))
    Path(keyboard.folder / "one.json").write_text(ONE)
    keyboard.follow(said("predict", str(keyboard.folder / "one.json"), "--device", local))
    assert any("validate" in words for words in keyboard.typed)
    assert any("--state" in words for words in keyboard.typed)
    assert any("--space" in words for words in keyboard.typed)


def test_too_few_to_adapt_to(local, keyboard, said):
    heard = said("measure", "--device", local, "--n", "2")
    assert suggested(heard) == [f"latkit measure --device {local} --n 20"]


def test_after_an_import(keyboard, said, tmp_path):
    """Devices without a profile, published ones and one of a name that must be quoted."""
    archs = NB201.sample(np.random.default_rng(1), 12)
    rows = [f"{arch.key},{1 + i},{2 + i}" for i, arch in enumerate(archs)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["arch,some board,rpi4", *rows]))
    keyboard.follow(said("dataset", "import", str(table)))
    for device in ("some board", "rpi4"):
        keyboard.follow(said("adapt", "--device", device))
        keyboard.follow(said("export", "--device", device, "-o", "c"))
    assert any("predict" in words for words in keyboard.typed)
    assert not any("validate" in words for words in keyboard.typed)


def test_what_a_published_table_cannot_validate(keyboard, said, tmp_path):
    archs = NB201.sample(np.random.default_rng(1), 12)
    rows = [f"{arch.key},{1 + i},{2 + i}" for i, arch in enumerate(archs)]
    (tmp_path / "t.csv").write_text("\n".join(["arch,some board,rpi4", *rows]))
    said("dataset", "import", "t.csv")
    for device, advice in (("some board", "latkit device list"), ("rpi4", "latkit measure")):
        said("adapt", "--device", device)
        heard = said("validate", "--device", device, status=2)
        assert f"the predictor of '{device}' rests on a published table" in heard
        assert advice in heard


def test_measured_elsewhere_under_several_conditions_and_spaces(keyboard, said, tmp_path):
    hot = replace(STRANGE, state=State("15 W; hot"), batch=8)
    store(measured(STRANGE), measured(hot), measured(hot, FBNET))
    keyboard.follow(said("adapt", "--device", "my board"))
    for batch in ("1", "8"):
        one = ["--batch", batch, "--space", "nb201"]
        keyboard.follow(said("adapt", "--device", "my board", *one))
    keyboard.follow(said("adapt", "--device", "my board", "--space", "fbnet"))
    (tmp_path / "one.json").write_text(ONE)
    words = ["predict", str(tmp_path / "one.json"), "--device", "my board"]
    keyboard.follow(said(*words, "--batch", "8"))
    keyboard.follow(said(*words, status=2))
    for asked in ("sample fbnet", "--batch 1", "--batch 8"):
        assert any(asked in words for words in keyboard.typed), keyboard.typed


@pytest.mark.slow
def test_what_verify_finds_is_measured_again(local, keyboard, said):
    said("measure", "--device", local, "--n", "3")
    with Lab().store() as opened:
        first, *_ = opened.find()
    condition = first.condition
    bad = [
        replace(one, verdict=Verdict("invalid", ("x: y",)), latency_ms=None)
        for one in measured(condition, count=2)
    ]
    store(bad, measured(STRANGE, level="suspect"))
    keyboard.follow(said("dataset", "verify", status=FOUND_INVALID))
    keyboard.follow(said("dataset", "verify", "--device", local))
    keyboard.follow(said("dataset", "verify", "--device", "my board"))
    assert any("--again" in words for words in keyboard.typed)


def test_one_space_adapted_and_another_asked_for(keyboard, said, tmp_path):
    """Of a file of two spaces, that is answered which can be; the other is told, with its words."""
    store(measured(replace(STRANGE, board="local", threads=1)))
    said("adapt", "--device", "local")
    examples = str(Path(__file__).parents[2] / "examples" / "archs.jsonl")
    heard = said("predict", examples)
    assert "no device has been adapted for fbnet yet" in heard
    assert "latkit measure --device local --space fbnet --n 20" in heard


@pytest.mark.slow
@pytest.mark.parametrize("space", ["nb201", "fbnet"])
def test_a_hint_of_what_was_never_adapted(local, keyboard, said, space):
    arch = FBNET.sample(np.random.default_rng(0), 1)[0]
    line = f'{{"space": "fbnet", "arch": "{arch.key}"}}'
    (keyboard.folder / "one.json").write_text(ONE if space == "nb201" else line)
    file = str(keyboard.folder / "one.json")
    keyboard.follow(said("predict", file, status=1))
    assert len(keyboard.typed) >= 2
    heard = said("predict", file, "--device", local, "--threads", "2", status=1)
    keyboard.follow(heard)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["adapt", "--device", "nobody"], 4),
        (["predict", "absent.json"], 2),
        (["validate", "--device", "nobody"], 1),
        (["export", "--device", "nobody"], 1),
        (["compare", "absent file.csv", "absent.csv"], 2),
        (["pretrain"], 4),
        (["evaluate"], 4),
        (["evaluate", "--task", "none"], 2),
        (["adapt", "--device", "local", "--bundle", "nowhere"], 1),
    ],
)
def test_hints(keyboard, said, words, status):
    keyboard.follow(said(*words, status=status))


def test_an_evaluation_is_reported(keyboard, said, tmp_path):
    pytest.importorskip("matplotlib")
    from tests.unit.test_cli_evaluate import ND, QUICK, imported

    imported(tmp_path, (*ND.sources, *ND.targets))
    keyboard.follow(said("evaluate", "--task", "ND", *QUICK))
    assert (tmp_path / "results.md").is_file()
