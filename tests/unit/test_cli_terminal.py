"""The streams of the command line, whatever becomes of them."""

import io
import logging
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import click
import pytest
from rich.progress import Progress as Bars

from latkit import cli
from latkit.cli import failure, output, progress, terminal
from latkit.cli.output import Column, show

EVIL = "\x1b]0;owned\x07\x9b2J\x1b[5;41mred\x7f\u202e\u200b\udc80[blink]x[/blink][/]"
RAW = re.compile("\x1b]|\x1b\\[5|[\x00-\x08\x0b-\x0c\x0e-\x1a\x7f-\x9f\u200b\u202e\udc80]")


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Full(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


class Left(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


@pytest.fixture(params=[Terminal, io.StringIO], ids=["terminal", "pipe"])
def harmless(request, monkeypatch):
    """Does something, and looks at what both streams show of it."""

    def look(way):
        stream = request.param()
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("COLUMNS", "200")
        with terminal.guarded():
            way()
        text = stream.getvalue()
        assert "owned" in text
        assert "[blink]" in text
        assert not RAW.search(text), repr(text)

    return look


WAYS = {
    "note": lambda: output.note(EVIL),
    "next step": lambda: output.next_step(EVIL),
    "data": lambda: terminal.put(EVIL),
    "cell": lambda: show([{"a": EVIL}], [Column("a", "a")], as_json=False),
    "cut cell": lambda: show([{"a": EVIL}], [Column("a", "a", shrink="cut")], as_json=False),
    "title of a column": lambda: show([{"a": "b"}], [Column("a", EVIL)], as_json=False),
    "title of a table": lambda: show([{"a": EVIL}], [Column("a", "a")], False, title=EVIL),
    "json": lambda: output.show_json({EVIL: EVIL}),
    "failure": lambda: failure.told(cli.failure.LatkitError(EVIL, EVIL), debug=False),
    "defect": lambda: failure.told(KeyError(EVIL), debug=False),
    "refused by the system": lambda: failure.told(OSError(2, "absent", EVIL), debug=False),
    "traceback": lambda: failure.told(ValueError(EVIL), debug=True),
    "click": lambda: failure.told(click.UsageError(EVIL), debug=False),
    "unknown command": lambda: cli.run([EVIL]),
    "unknown option": lambda: cli.run(["predict", f"--{EVIL}"]),
    "bad value": lambda: cli.run(["space", "sample", "nb201", "--n", EVIL]),
    "file that is absent": lambda: cli.run(["dataset", "import", EVIL]),
    "print": lambda: print(EVIL),
    "echo": lambda: click.echo(EVIL, err=True),
    "stack": lambda: traceback.print_exception(ValueError(EVIL)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_way_of_printing_lets_control_characters_out(harmless, way):
    harmless(way)


def test_nor_does_logging(harmless):
    record = logging.LogRecord("x", logging.ERROR, "f", 1, EVIL, (), None)
    harmless(lambda: logging.lastResort.emit(record))


def test_nor_does_a_bar(harmless):
    harmless(draw)


def draw():
    with progress.MeasureProgress(EVIL) as told:
        told.planned(2, known=0)
        told.timed(None, 1.0)
        told._spoke = -1e9
        told.timed(None, None)
        if told._bar:
            told._bar.refresh()


def test_nor_what_is_said_while_a_bar_is_drawn(harmless):
    harmless(draw_and_tell)


def draw_and_tell():
    with progress._bar() as bar:
        assert isinstance(bar, Bars)
        bar.add_task("x", total=1, last="")
        output.note(EVIL)


def test_a_cell_is_one_line(capsys):
    show([{"a": "one\nnext: rm -rf ~", "b": 1}], [Column("a", "a"), Column("b", "b")], False)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_no_line_passes_for_one_of_latkits_own(capsys):
    output.note("it said:\nnext: rm -rf ~\r\nerror: so")
    assert capsys.readouterr().err == "it said:\n  next: rm -rf ~\n  error: so\n"


def test_what_never_ends_is_cut(capsys):
    output.note("a" * 10**6)
    assert len(capsys.readouterr().err) < 5000


def test_colours_of_our_own_are_drawn(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    with terminal.guarded():
        output.next_step("latkit")
    assert stream.getvalue().startswith("\x1b[36m")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "koi8-r"])
def test_every_terminal_can_show_everything(monkeypatch, encoding):
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    monkeypatch.setattr("sys.stdout", stream)
    with terminal.guarded():
        terminal.put("– — … ± λ → ─ 日 é")
        stream.flush()
    text = written.getvalue().decode(encoding)
    assert not {"\x1b", "\ufffd"} & set(text)
    assert "- - " in text or "–" in text


def test_json_is_ascii(capsys):
    output.show_json({"a": "é\x7f\x9b\u202e\ud800"})
    assert capsys.readouterr().out.isascii()


def test_a_full_disk_is_one_message(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", Full())
    assert cli.run(["space", "list"]) == 1
    assert capsys.readouterr().err == (
        "error: cannot write to standard output: No space left on device\n"
    )


def test_closed_standard_output_is_one_message(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", None)
    assert cli.run(["space", "list"]) == 1
    assert capsys.readouterr().err == "error: cannot write to standard output: it is closed\n"


def test_a_reader_that_left_is_no_failure(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", Left())
    assert cli.run(["space", "list"]) == 0
    assert not capsys.readouterr().err


@pytest.mark.parametrize("stream", [Full(), Left(), None])
def test_standard_error_that_is_lost_ends_nothing(monkeypatch, capsys, stream):
    monkeypatch.setattr("sys.stderr", stream)
    assert cli.run(["predict", "absent.json"]) == 2
    assert cli.run(["space", "list"]) == 0
    assert "nb201" in capsys.readouterr().out


@pytest.mark.parametrize("size", ["0", "-1", "x", "²", "99999999999999999999", "1", "20"])
def test_no_size_of_terminal_is_too_odd(monkeypatch, size):
    stream = Terminal()
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setenv("COLUMNS", size)
    monkeypatch.setenv("LINES", size)
    assert cli.run(["space", "list"]) == 0
    assert "nb201" in stream.getvalue() or size == "1"


@pytest.mark.parametrize(
    ("problem", "status", "message"),
    [
        (MemoryError(), 1, "not enough memory"),
        (RecursionError("maximum"), 1, "nested too deeply"),
        (PermissionError(13, "Permission denied", "/root/x"), 1, "/root/x: Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(32, "Broken pipe"), 1, "Broken pipe"),
        (ZeroDivisionError("x"), 1, "defect of latkit"),
    ],
)
def test_what_ends_a_command_is_said(monkeypatch, capsys, problem, status, message):
    def fail(*_arguments, **_options):
        raise problem

    monkeypatch.setattr(cli.cli, "main", fail)
    assert cli.run([]) == status
    assert message in capsys.readouterr().err


def shell(script, **environment):
    """Run a shell script in which $LATKIT is the program."""
    full = {**os.environ, "LATKIT": f"{sys.executable} -m latkit", **environment}
    root = str(Path(cli.__file__).parents[2])
    full["PYTHONPATH"] = root
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=full, timeout=60
    )


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        ("$LATKIT space list >&-", 1, "standard output: it is closed"),
        ("$LATKIT --help >&-", 1, "standard output: it is closed"),
        ("$LATKIT space list > /dev/full", 1, "standard output: No space left"),
        ("$LATKIT --help > /dev/full", 1, "standard output: No space left"),
        ("$LATKIT space sample nb201 --n 5000 | head -1; exit ${PIPESTATUS[0]}", 0, ""),
        ("$LATKIT predict - <&-", 2, "standard input is empty"),
        ("$LATKIT space list 2>&-", 0, ""),
        ("$LATKIT predict absent.json 2>/dev/full", 2, ""),
        ("mkdir gone; cd gone; rmdir ../gone; $LATKIT space list", 0, ""),
        ("mkdir gone; cd gone; rmdir ../gone; $LATKIT predict arch.json", 2, "cannot read"),
    ],
)
def test_streams_and_folders_that_are_not_there(tmp_path, monkeypatch, script, status, message):
    monkeypatch.chdir(tmp_path)
    done = shell(script)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert "Traceback" not in done.stderr


def test_what_the_caller_closed_is_not_the_next_file(tmp_path):
    arch = tmp_path / "arch.json"
    arch.write_text("")
    done = shell(f"$LATKIT space show {arch} <&- >&-")
    assert done.returncode == 2
    assert "is empty" in done.stderr


@pytest.mark.parametrize(
    "variable",
    ["LATKIT_DATA_DIR", "LATKIT_CONFIG_DIR", "LATKIT_CACHE_DIR", "LATKIT_SSH_CONFIG"],
)
def test_a_home_that_nobody_has(monkeypatch, capsys, variable):
    monkeypatch.setenv(variable, "~nouser/latkit")
    command = {
        "LATKIT_DATA_DIR": ["dataset", "info"],
        "LATKIT_CONFIG_DIR": ["device", "list"],
        "LATKIT_CACHE_DIR": ["measure", "--device", "local"],
        "LATKIT_SSH_CONFIG": ["device", "check", "rpi4"],
    }[variable]
    assert cli.run(command) in (2, 3)
    shown = "".join(capsys.readouterr())
    assert "there is no home directory ~nouser" in shown
    assert variable in shown


DIGITS = "9" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ["space", "sample", "nb201", "--n", DIGITS],
        ["space", "sample", "nb201", "--seed", DIGITS],
        ["space", "sample", "nb201", "--seed", "-1"],
        ["space", "sample", f"nb201:c{DIGITS}"],
        ["measure", "--device", "local", "--n", DIGITS],
        ["measure", "--device", "local", "--seed", "-1"],
        ["measure", "--device", "local", "--batch", str(2**63)],
        ["measure", "--device", "local", "--threads", DIGITS],
        ["measure", "--device", "local", "--affinity", DIGITS],
        ["measure", "--device", "local", "--affinity", str(2**63)],
        ["measure", "--device", "local", "--wait", DIGITS],
        ["dataset", "list", "--last", str(2**63)],
        ["device", "add", "x", "--port", DIGITS],
        ["validate", "--device", "local", "--n", DIGITS],
        ["validate", "--device", "local", "--seed", "-1"],
        ["evaluate", "--seeds", DIGITS],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_numbers_beyond_all_bounds(capsys, arguments):
    assert cli.run(arguments) == 2
    shown = capsys.readouterr().err
    assert "defect" not in shown
    assert "rror: " in shown


def test_a_condition_of_5000_digits_is_nobodys(capsys):
    assert cli.run(["compare", f"local@{DIGITS}", "local"]) in (2, 4)
    assert "defect" not in capsys.readouterr().err


LONG = "x" * 5000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["measure", "--device", "local", "--n", DIGITS], "is neither a positive number"),
        (["measure", "--device", "local", "--affinity", DIGITS], "is neither numbers"),
        (["measure", "--device", "local", "--precision", LONG], "is not one of"),
        (["measure", "--device", "local", "--space", LONG], "known: "),
        ([LONG], "No such command"),
        (["device", LONG], "No such command"),
        (["measure", f"--{LONG}"], "No such option"),
        (["device", "show", LONG], "known: "),
        (["device", "add", LONG], "must be letters"),
        (["predict", LONG], "File name too long"),
        (["compare", "local", LONG], "known: "),
        (["dataset", "import", LONG], "does not exist"),
        (["dataset", "export", f"a.{LONG}"], "known formats are"),
        (["tasks", "show", LONG], "unknown task"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else value,
)
def test_a_long_argument_is_not_repeated_in_full(capsys, arguments, said):
    assert cli.run(arguments) != 0
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown) < 600


def test_one_place_prints():
    folder = Path(cli.__file__).parent
    sources = {file.name: file.read_text() for file in folder.glob("*.py")}
    prints = re.compile(r"click\.s?echo\(|(?<![.\w])print\(|Console\(")
    assert {name for name, text in sources.items() if prints.search(text)} == {"terminal.py"}
