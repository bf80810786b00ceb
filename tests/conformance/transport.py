"""What every transport must do. Subclass it where a connected ``transport`` can be had."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from latkit.devices.transport import RemoteProcess, Transport
from latkit.devices.transport.process import OUTPUT_LIMIT_BYTES, STDERR_TAIL_BYTES
from latkit.errors import RemoteCommandError, RunnerError

PYTHON = sys.executable
ECHO = "import sys\nfor line in sys.stdin: print('got ' + line, end='', flush=True)"
MISCHIEVOUS = [
    "",
    "two words",
    "--option",
    "it's",
    'say "x"',
    "$HOME",
    "`id`",
    "$(id)",
    "a;b",
    "a\\b",
    "*",
    "~",
    "line\nbreak",
    "tab\there",
    "ünïcode ✓",
    "!x",
    "#",
    "&",
    "|",
]


def process_ended(pid: int) -> bool:
    """Whether no such process runs any more, within a minute."""
    for _ in range(1200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def left_behind(folder: Path):
    """Kill afterwards the process that writes its number to ``pid`` there."""
    try:
        yield folder / "pid"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((folder / "pid").read_text()), signal.SIGKILL)


@contextlib.contextmanager
def running(transport: Transport, script: str, **environment: str):
    process = transport.spawn([PYTHON, "-u", "-c", script], environment=environment)
    try:
        yield process
    finally:
        process.close()


def line(process: RemoteProcess, timeout_s: float = 60.0) -> bytes | None:
    return process.receive(timeout_s, 100_000)


class TransportConformance:
    """Needs the fixture ``transport``; the device is this computer, however it is reached."""

    @pytest.fixture(autouse=True)
    def _short_grace(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("latkit.devices.transport.process.CLOSE_GRACE_S", 0.5)
        monkeypatch.setattr("latkit.devices.transport.process.QUIET_S", 0.3)
        monkeypatch.setattr("latkit.devices.transport.process.SETTLE_LIMIT_S", 1.0)

    @pytest.fixture
    def long_grace(self, _short_grace: None, monkeypatch: pytest.MonkeyPatch):
        """For a test whose process ends of itself, on a busy computer too."""
        monkeypatch.setattr("latkit.devices.transport.process.CLOSE_GRACE_S", 60.0)

    def test_run_returns_both_streams_and_the_status(self, transport: Transport):
        script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
        result = transport.run([PYTHON, "-c", script])
        assert (result.returncode, result.stdout, result.stderr) == (7, "out\n", "err\n")

    def test_arguments_arrive_unchanged(self, transport: Transport):
        script = "import sys, json; print(json.dumps(sys.argv[1:]))"
        result = transport.run([PYTHON, "-c", script, *MISCHIEVOUS])
        assert json.loads(result.stdout) == MISCHIEVOUS

    def test_input_arrives_and_ends(self, transport: Transport):
        assert transport.run(["cat"], stdin=b"one\ntwo").stdout == "one\ntwo"
        assert transport.run(["cat"]).stdout == ""

    def test_much_input_and_output_do_not_block_one_another(self, transport: Transport):
        content = b"x" * (OUTPUT_LIMIT_BYTES - 1)
        assert transport.run(["cat"], stdin=content).stdout == content.decode()

    def test_a_command_need_not_read_its_input(self, transport: Transport):
        assert transport.run(["true"], stdin=b"x" * 3_000_000).returncode == 0

    def test_output_is_cut_at_the_limit(self, transport: Transport):
        script = "import sys\nfor s in (sys.stdout, sys.stderr): s.write('x' * 3_000_000)"
        result = transport.run([PYTHON, "-c", script])
        assert len(result.stdout) == len(result.stderr) == OUTPUT_LIMIT_BYTES

    def test_past_the_time_limit_the_whole_process_group_is_gone(
        self, transport: Transport, tmp_path: Path
    ):
        script = f"echo $$ > {tmp_path}/parent; sleep 60 & echo $! > {tmp_path}/child; wait"
        with pytest.raises(RemoteCommandError, match=r"did not end within 3 s"):
            transport.run(["sh", "-c", script], timeout_s=3.0)
        for name in ("parent", "child"):
            assert process_ended(int((tmp_path / name).read_text()))

    def test_a_flood_ends_at_the_time_limit(self, transport: Transport):
        with pytest.raises(RemoteCommandError, match=r"did not end"):
            transport.run(["yes"], timeout_s=0.5)

    def test_a_missing_command_is_status_127(self, transport: Transport):
        result = transport.run(["latkit-no-such-command"])
        assert result.returncode == 127
        assert "latkit-no-such-command" in result.stderr

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGILL])
    def test_an_end_by_signal_names_it(self, transport: Transport, number: signal.Signals):
        result = transport.run(["sh", "-c", f"kill -{int(number)} $$"])
        assert result.returncode == -number

    @pytest.mark.parametrize("status", [1, 125, 126, 255])
    def test_every_status_is_the_commands_own(self, transport: Transport, status: int):
        assert transport.run(["sh", "-c", f"exit {status}"]).returncode == status

    def test_the_command_may_use_the_words_of_the_transport(self, transport: Transport):
        assert transport.run(["cat"], stdin=b"latkit-go\nlatkit-go\n").stdout.count("go") == 2

    def test_a_process_left_behind_does_not_hold_the_result_up(self, transport: Transport):
        result = transport.run(["sh", "-c", "sleep 100 & echo done"], timeout_s=60.0)
        assert result.stdout == "done\n"

    def test_what_is_left_behind_may_talk_without_end(self, transport: Transport, tmp_path: Path):
        for stream in (1, 2):
            with left_behind(tmp_path) as pid:
                flood = f"sh -c 'echo $$ > {pid}; exec yes >&{stream}' & sleep 0.5; exit 3"
                result = transport.run(["sh", "-c", flood], timeout_s=4.0)
            assert result.returncode == 3

    def test_what_is_left_behind_may_not_read_its_input(self, transport: Transport, tmp_path: Path):
        with left_behind(tmp_path) as pid:
            script = f"exec 3<&0; sh -c 'echo $$ > {pid}; exec sleep 100 <&3' & sleep 0.5"
            started = time.monotonic()
            result = transport.run(["sh", "-c", script], stdin=b"x" * 9_000_000, timeout_s=100.0)
            assert time.monotonic() - started < 90
        assert result.returncode == 0

    def test_a_command_may_close_its_output_and_go_on(self, transport: Transport):
        assert transport.run(["sh", "-c", "exec >&- 2>&-; sleep 1; exit 4"]).returncode == 4
        with pytest.raises(RemoteCommandError, match="did not end"):
            transport.run(["sh", "-c", "exec >&- 2>&-; sleep 60"], timeout_s=1.0)

    def test_bytes_that_are_no_text_are_replaced(self, transport: Transport):
        assert transport.run(["printf", r"a\377b"]).stdout == "a\ufffdb"

    @pytest.mark.usefixtures("long_grace")
    def test_spawned_process_speaks_lines(self, transport: Transport):
        with running(transport, ECHO) as process:
            process.send(b"one")
            assert line(process) == b"got one"
            process.send(b"two")
            process.send(b"three")
            assert [line(process), line(process)] == [b"got two", b"got three"]
            assert process.close() == 0

    def test_environment_is_set(self, transport: Transport):
        script = "import os; print(os.environ['LATKIT_A'] + os.environ['LATKIT_B'])"
        with running(transport, script, LATKIT_A="it's $HOME", LATKIT_B="") as process:
            assert line(process) == b"it's $HOME"

    def test_silence_is_a_timeout_and_loses_nothing(self, transport: Transport):
        script = "import sys; print('ha', end=''); sys.stdin.readline(); print('lf')"
        with running(transport, script) as process:
            with pytest.raises(TimeoutError):
                process.receive(0.2, 1000)
            process.send(b"")
            assert line(process) == b"half"

    def test_the_end_of_output_is_none(self, transport: Transport):
        with running(transport, "print('last'); print('unfinished', end='')") as process:
            assert line(process) == b"last"
            assert line(process) is None
            assert line(process) is None

    def test_a_line_too_long_is_refused_without_waiting_for_its_end(self, transport: Transport):
        script = "import sys\nwhile True: sys.stdout.write('x' * 4096)"
        with running(transport, script) as process, pytest.raises(RunnerError, match="more than"):
            process.receive(20.0, 10_000)

    def test_a_whole_line_too_long_is_refused(self, transport: Transport):
        with (
            running(transport, "print('x' * 100)") as process,
            pytest.raises(RunnerError, match="more than 99 bytes"),
        ):
            process.receive(20.0, 99)

    def test_a_flood_that_nobody_reads_is_held_up(self, transport: Transport, tmp_path: Path):
        count = tmp_path / "count"
        script = (
            "import sys\n"
            "for sent in range(1000):\n"
            f"    open({str(count)!r}, 'w').write(str(sent))\n"
            "    sys.stdout.write('x' * 99_999 + '\\n')"
        )
        with running(transport, script) as process:
            assert line(process) == b"x" * 99_999
            time.sleep(1.0)
            assert int(count.read_text()) < 200

    @pytest.mark.usefixtures("long_grace")
    def test_standard_error_never_blocks_and_its_tail_is_kept(self, transport: Transport):
        script = "import sys; sys.stderr.write('x' * 5_000_000 + 'the end'); print('done')"
        with running(transport, script) as process:
            assert line(process) == b"done"
            process.close()
            assert process.stderr_tail().endswith("the end")
            assert len(process.stderr_tail()) <= STDERR_TAIL_BYTES

    def test_close_ends_a_process_that_ignores_its_input(self, transport: Transport):
        script = "import os, time; print(os.getpid()); time.sleep(60)"
        with running(transport, script) as process:
            pid = int(line(process) or 0)
            assert process.close() != 0
        assert process_ended(pid)

    def test_close_ends_a_process_that_talks_without_end(self, transport: Transport):
        for stream in (1, 2):
            script = f"echo $$; while :; do echo noise >&{stream}; done"
            process = transport.spawn(["sh", "-c", script])
            pid = int(line(process) or 0)
            assert process.close() != 0
            assert process_ended(pid)

    def test_close_does_not_wait_for_what_was_left_behind(
        self, transport: Transport, tmp_path: Path
    ):
        with left_behind(tmp_path) as pid:
            flood = f"setsid sh -c 'echo $$ > {pid}; exec yes >&2' & sleep 0.5; echo ready; read x"
            process = transport.spawn(["sh", "-c", flood])
            assert line(process) == b"ready"
            process.close()

    def test_a_process_may_close_its_output_and_live(self, transport: Transport):
        script = "import os, time; print(os.getpid()); os.close(1); time.sleep(60)"
        with running(transport, script) as process:
            pid = int(line(process) or 0)
            with contextlib.suppress(TimeoutError):
                assert process.receive(1.0, 1000) is None
        assert process_ended(pid)

    def test_sending_to_a_process_that_never_reads_ends(
        self, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("latkit.devices.transport.process.SEND_TIMEOUT_S", 1.0)
        with (
            running(transport, "import time; time.sleep(60)") as process,
            pytest.raises(RunnerError, match="does not read its input"),
        ):
            process.send(b"x" * 9_000_000)

    @pytest.mark.usefixtures("long_grace")
    def test_close_may_be_called_again(self, transport: Transport):
        with running(transport, "import sys; sys.exit(3)") as process:
            assert [process.close(), process.close()] == [3, 3]

    @pytest.mark.usefixtures("long_grace")
    def test_sending_to_an_ended_process_says_its_last_words(self, transport: Transport):
        with running(transport, "import sys; sys.exit('no such model')") as process:
            assert line(process) is None
            process.close()
            with pytest.raises(RunnerError, match="has ended: no such model"):
                process.send(b"x")

    @pytest.mark.usefixtures("long_grace")
    def test_spawning_a_missing_command_shows_on_standard_error(self, transport: Transport):
        process = transport.spawn(["latkit-no-such-command"])
        assert line(process) is None
        assert process.close() == 127
        assert "latkit-no-such-command" in process.stderr_tail()

    def test_processes_run_side_by_side(self, transport: Transport):
        with running(transport, ECHO) as one, running(transport, ECHO) as two:
            two.send(b"2")
            one.send(b"1")
            assert transport.run(["echo", "3"]).stdout == "3\n"
            assert [line(one), line(two)] == [b"got 1", b"got 2"]

    def test_upload_makes_folders_and_leaves_no_other_file(
        self, transport: Transport, tmp_path: Path
    ):
        source = tmp_path / "source"
        source.write_bytes(os.urandom(300_000))
        target = tmp_path / "new folder" / "déeper" / "model's.onnx"
        assert not transport.exists(str(target))
        transport.upload(source, str(target))
        assert transport.exists(str(target))
        assert target.read_bytes() == source.read_bytes()
        assert [file.name for file in target.parent.iterdir()] == [target.name]

    def test_upload_replaces(self, transport: Transport, tmp_path: Path):
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(b"new")
        target.write_bytes(b"old and longer")
        transport.upload(source, str(target))
        assert target.read_bytes() == b"new"

    @pytest.mark.parametrize("name", [one for one in MISCHIEVOUS if one])
    def test_every_name_can_be_uploaded_to(self, transport: Transport, tmp_path: Path, name: str):
        source, folder = tmp_path / "-source", tmp_path / f"-{name}"
        source.write_bytes(bytes(range(256)))
        transport.upload(source, str(folder / name))
        assert transport.exists(str(folder / name))
        assert [file.read_bytes() for file in folder.iterdir()] == [bytes(range(256))]

    def test_a_large_file_arrives_whole(self, transport: Transport, tmp_path: Path):
        source, target = tmp_path / "source", tmp_path / "there" / "target"
        source.write_bytes(os.urandom(20_000_000))
        transport.upload(source, str(target))
        assert target.read_bytes() == source.read_bytes()

    def test_what_is_not_allowed_is_said(self, transport: Transport, tmp_path: Path):
        source = tmp_path / "source"
        source.write_bytes(b"content")
        with pytest.raises(RemoteCommandError, match=r"cannot put .*source at /proc/latkit/x on"):
            transport.upload(source, "/proc/latkit/x")

    def test_an_empty_file_can_be_uploaded(self, transport: Transport, tmp_path: Path):
        (tmp_path / "source").touch()
        transport.upload(tmp_path / "source", str(tmp_path / "target"))
        assert transport.exists(str(tmp_path / "target"))

    def test_a_refused_upload_leaves_nothing(self, transport: Transport, tmp_path: Path):
        source = tmp_path / "source"
        source.write_bytes(b"content")
        folder = tmp_path / "folder" / "target"
        folder.mkdir(parents=True)
        with pytest.raises(RemoteCommandError, match="cannot put"):
            transport.upload(source, str(folder))
        assert [file.name for file in folder.parent.iterdir()] == ["target"]
        with pytest.raises(RemoteCommandError, match="source"):
            transport.upload(source, str(source / "below a file" / "x"))

    def test_only_regular_files_exist(self, transport: Transport, tmp_path: Path):
        assert not transport.exists(str(tmp_path))
        assert not transport.exists(str(tmp_path / "absent" / "file"))
        assert not transport.exists(str(tmp_path / ("x" * 300)))

    def test_home_is_absolute_and_expands_the_tilde(self, transport: Transport):
        home = transport.home()
        assert home.startswith("/")
        assert transport.expand("~/.cache/latkit") == f"{home.rstrip('/')}/.cache/latkit"
        assert transport.expand("~") == home.rstrip("/")
        assert transport.expand("/var/~/x") == "/var/~/x"
        assert transport.expand("python3") == "python3"

    def test_description_names_the_place(self, transport: Transport):
        assert transport.description
