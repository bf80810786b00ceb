"""An evil text in every source, and every command: nothing steers the terminal that shows it."""

import io
import json
import re
from dataclasses import replace

import pytest

from latkit.cli import run
from latkit.condition import Runtime, State
from latkit.config import config_dir
from latkit.lab import Lab
from latkit.measurement import Verdict
from latkit.subjects import Subject
from tests.unit.test_lab_conditions import EXAMPLE, OWN, measured, rename, store

EVIL = "\x1b]0;owned\x07\x1b[5;41m\x9b2J\x7f\u202e\u2066\u200b\x85\r\nnext: rm -rf ~\t[blink]x[/]"
BOARD = "evil" + EVIL
SEEN = re.compile(
    "\x1b]|\x1b\\[5|[\x00-\x08\x0b-\x0c\x0e-\x1a\x7f-\x9f\u200b\u202e\u2066\ud800-\udfff]"
)
FORGED = re.compile(r"^next: rm", re.MULTILINE)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Where everything is full of it."""
    root = tmp_path_factory.mktemp("evil")
    places = {f"LATKIT_{name}_DIR": str(root / name) for name in ("CONFIG", "DATA", "CACHE")}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LATKIT_DB", raising=False)
        for name, value in places.items():
            patch.setenv(name, value)
        fill(Lab())
    return places


@pytest.fixture(autouse=True)
def there(world, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    for name, value in world.items():
        monkeypatch.setenv(name, value)


def fill(lab):
    runtime = Runtime("onnxruntime" + EVIL, "1.0" + EVIL, "Provider" + EVIL)
    condition = replace(OWN, board=BOARD, runtime=runtime, state=State(EVIL), kind=EVIL)
    rows = measured(condition)
    rows[0] = replace(rows[0], verdict=Verdict("suspect", (EVIL, EVIL)), context={"why": EVIL})
    failed = replace(rows[1], subject=Subject(EVIL, EVIL), latency_ms=None)
    failed = replace(failed, verdict=Verdict("invalid", (EVIL,)))
    called = [replace(one, condition=replace(condition, board="evil")) for one in (*rows, failed)]
    store(lab, called, measured(replace(called[0].condition, batch=2)))
    rename(lab, "evil", BOARD)
    lab.adapt(BOARD)
    store(lab, measured(OWN))
    lab.adapt("rpi4")
    folder = config_dir() / "devices"
    folder.mkdir(parents=True)
    words = json.dumps(EVIL).replace("\x7f", "\\u007f")
    (folder / "mine.toml").write_text(f"description = {words}\ndevice_state = {words}\n")
    (folder / "broken.toml").write_text(f"host = {words}\n{words} = 1\n")
    (folder / f"\x1b[5m\u202e{'x'}.toml").write_text("")


COMMANDS = [
    ["device", "list"],
    ["device", "show", "mine"],
    ["device", "show", "broken"],
    ["device", "show", EVIL],
    ["device", "add", "new", "--description", EVIL],
    ["dataset", "info"],
    ["dataset", "list"],
    ["dataset", "list", "--device", BOARD],
    ["dataset", "list", "--space", EVIL],
    ["dataset", "verify"],
    ["dataset", "verify", "--rows"],
    ["dataset", "verify", "--device", BOARD],
    ["dataset", "export", EVIL + ".csv"],
    ["dataset", "import", EXAMPLE],
    ["predict", EXAMPLE],
    ["predict", EXAMPLE, "--all-conditions"],
    ["predict", EXAMPLE, "--device", "rpi4"],
    ["predict", EXAMPLE, "--device", BOARD],
    ["predict", EXAMPLE, "--runtime", EVIL],
    ["predict", EVIL],
    ["adapt", "--device", "rpi4"],
    ["adapt", "--device", "rpi4", "--space", EVIL],
    ["adapt", "--device", "rpi4", "--bundle", EVIL],
    ["validate", "--device", "mine"],
    ["export", "--device", "rpi4", "-o", EVIL],
    ["compare", BOARD + "@1", BOARD + "@2"],
    ["compare", "rpi4", BOARD],
    ["measure", "--device", EVIL],
    ["measure", "--device", "rpi4", "--space", EVIL],
    ["measure", "--device", "rpi4", "--sampler", EVIL],
    ["space", "sample", EVIL],
    ["space", "show", EVIL],
    ["tasks", "list"],
    ["tasks", "show", EVIL],
    ["evaluate", "--task", EVIL],
    ["pretrain", "--space", EVIL],
    [EVIL],
    ["predict", f"--{EVIL}"],
    ["--debug", "predict", EVIL],
    ["--debug", "adapt", "--device", BOARD],
    ["--debug", EVIL],
]


@pytest.mark.parametrize("kind", [Terminal, io.StringIO], ids=["terminal", "pipe"])
@pytest.mark.parametrize(
    "words", COMMANDS, ids=lambda words: " ".join(words)[:40].encode("unicode_escape").decode()
)
def test_no_command_lets_it_through(monkeypatch, tmp_path, words, kind):
    monkeypatch.chdir(tmp_path)
    out, err = kind(), kind()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    run(words)
    for text in (out.getvalue(), err.getvalue()):
        plain = re.sub("\x1b\\[[0-9;]*m", "", text) if not SEEN.search(text) else text
        assert not SEEN.search(text), repr(text)
        assert not FORGED.search(plain), plain
        assert "defect of latkit" not in text


@pytest.mark.parametrize(
    "words", [["device", "list"], ["dataset", "info"], ["dataset", "list"], ["predict", EXAMPLE]]
)
def test_json_is_whole_and_harmless(capsys, words):
    assert run([*words, "--json"]) == 0
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert not SEEN.search(shown)
    assert json.loads(shown)
