"""Login shells as they are found on boards, and what is said where one starts nothing.

Where a limit would cost time, it is longer than a test may last: a message that comes at all
was found without waiting for it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latkit.devices.transport import Transport
from latkit.errors import LatkitError, RemoteCommandError
from tests.conformance.transport import MISCHIEVOUS, PYTHON, line, process_ended, running
from tests.integration.ssh_doors import Door
from tests.integration.sshd import running_sshd

LONGER_THAN_A_TEST_S = 3000.0
ORIGINAL = 'exec sh -c "$SSH_ORIGINAL_COMMAND"'
Behind = Callable[..., contextlib.AbstractContextManager[Transport]]


@pytest.fixture
def behind(tmp_path: Path, door: Door) -> Behind:
    """A device whose login shell is a script."""

    @contextlib.contextmanager
    def connected(script: str, limit_s: float = LONGER_THAN_A_TEST_S) -> Iterator[Transport]:
        shell = tmp_path / "login-shell"
        shell.write_text(f"#!/bin/sh\n{script}\n")
        shell.chmod(0o755)
        forced = f"ForceCommand {shell}"
        with (
            running_sshd(tmp_path / "sshd", options=forced) as server,
            door(server, command_timeout_s=limit_s) as transport,
        ):
            yield transport

    return connected


def refusal(transport: Transport) -> LatkitError:
    with pytest.raises(RemoteCommandError) as caught:
        transport.run(["echo", "1"])
    assert "SFTP" not in caught.value.message
    assert "login shell" in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    "script",
    [
        "echo Welcome to the board!",
        "printf 'no end of line'",
        "echo 'to standard error' >&2",
        "echo; echo; cat /etc/passwd",
        "read answer",
        "stty -a; mesg n; tput clear",
    ],
)
def test_start_up_files_may_print_and_ask(behind: Behind, tmp_path: Path, script: str):
    (tmp_path / "model").write_bytes(b"content")
    with behind(f"{script} 2>/dev/null\n{ORIGINAL}") as transport:
        result = transport.run(["cat"], stdin=b"42\n")
        assert (result.returncode, result.stdout) == (0, "42\n")
        with running(transport, "print(input())") as process:
            process.send(b"line")
            assert line(process) == b"line"
        transport.upload(tmp_path / "model", str(tmp_path / "there"))
        assert (tmp_path / "there").read_bytes() == b"content"


def test_a_shell_that_says_goodbye_is_not_heard(behind: Behind, tmp_path: Path):
    """As bash does with a trap on EXIT that runs ``ssh-agent -k``."""
    (tmp_path / "model").write_bytes(b"content")
    original = ORIGINAL.removeprefix("exec ")
    with behind(f"{original}\necho goodbye; echo goodbye >&2; exit 3", 30.0) as transport:
        result = transport.run(["sh", "-c", "printf 42; echo no >&2; exit 5"])
        assert (result.returncode, result.stdout, result.stderr) == (5, "42", "no\n")
        with running(transport, "print(input())") as process:
            process.send(b"line")
            assert line(process) == b"line"
            assert process.receive(30.0, 100) is None
        transport.upload(tmp_path / "model", str(tmp_path / "there"))
        assert (tmp_path / "there").read_bytes() == b"content"


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh", "busybox sh"])
def test_every_login_shell_will_do(behind: Behind, tmp_path: Path, shell: str):
    _require(shell)
    with behind(f'exec {shell} -c "$SSH_ORIGINAL_COMMAND"', 30.0) as transport:
        script = "import json, sys; print(json.dumps(sys.argv[1:]))"
        arguments = [*MISCHIEVOUS, "two\\\\backslashes", "one at the end\\", "\\'", "\\0101 %s"]
        said = transport.run([PYTHON, "-c", script, *arguments]).stdout
        assert json.loads(said) == arguments
        (tmp_path / "model").write_bytes(b"content")
        transport.upload(tmp_path / "model", str(tmp_path / "new folder" / "it's a model!"))
        with pytest.raises(RemoteCommandError, match="did not end"):
            transport.run(["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 60"], timeout_s=2.0)
        assert process_ended(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh", "busybox sh"])
def test_a_shell_that_ignores_the_command_is_named(behind: Behind, shell: str):
    """As `exec fish` in ~/.bashrc does."""
    _require(shell)
    with behind(f"exec {shell}") as transport:
        problem = refusal(transport)
    name = shell.split()[0]
    assert f"hands over to {name}" in problem.message
    assert f"exec {name}" in (problem.hint or "")


def test_nologin_is_named(behind: Behind):
    with behind("exec /usr/sbin/nologin") as transport:
        problem = refusal(transport)
    assert "This account is currently not available." in problem.message
    assert "nologin" in (problem.hint or "")


def test_a_restricted_shell_is_named(behind: Behind):
    _require("rbash")
    with behind('PATH=/no/such/folder exec /bin/rbash -c "$SSH_ORIGINAL_COMMAND"') as transport:
        problem = refusal(transport)
    assert "rbash" in problem.message
    assert "restricted" in (problem.hint or "")


def test_a_restricted_shell_that_finds_sh_will_do(behind: Behind):
    _require("rbash")
    with behind('exec /bin/rbash -c "$SSH_ORIGINAL_COMMAND"') as transport:
        assert transport.run(["echo", "1"]).stdout == "1\n"


def test_a_shell_that_never_answers(behind: Behind):
    with behind("echo 'Please wait ...'; exec sleep 1000", 1.5) as transport:
        problem = refusal(transport)
    assert "no answer within 0.5 s; it said: Please wait ..." in problem.message
    assert "echo 1" in (problem.hint or "")


def test_one_that_repeats_what_it_hears_is_not_believed(behind: Behind):
    with behind("exec cat", 1.5) as transport:
        assert "no answer within" in refusal(transport).message


def test_a_home_directory_that_cannot_be_asked_for(behind: Behind, tmp_path: Path):
    """As where no more processes may be started there."""
    fake = tmp_path / "bin" / "sh"
    fake.parent.mkdir()
    lacking = """[ "$2" = 'echo "$HOME"' ] && echo Cannot fork >&2 && exit 2"""
    fake.write_text(f'#!/bin/sh\n{lacking}\nexec /bin/sh "$@"\n')
    fake.chmod(0o755)
    with behind(f"PATH={fake.parent}:$PATH\n{ORIGINAL}", 30.0) as transport:
        with pytest.raises(RemoteCommandError, match="home directory: Cannot fork") as caught:
            transport.home()
        assert caught.value.hint is None


def test_start_up_files_that_read_all_input(behind: Behind):
    with behind(f"cat > /dev/null\n{ORIGINAL}", 3.0) as transport:
        assert "read the standard input to its end" in refusal(transport).message


@pytest.mark.parametrize("status", [0, 1, 255])
def test_start_up_files_that_exit(behind: Behind, status: int):
    with behind(f"exit {status}") as transport:
        assert f"it ends at once with status {status}" in refusal(transport).message


def test_start_up_files_that_exit_with_a_word_to_standard_error(behind: Behind):
    with behind("echo 'open terminal failed: not a \033[31mterminal' >&2; exit 1") as transport:
        problem = refusal(transport)
    assert problem.message.endswith("open terminal failed: not a [31mterminal")


def test_start_up_files_that_print_without_end(behind: Behind):
    with behind("exec yes") as transport:
        assert "print without end" in refusal(transport).message


def test_what_was_given_up_is_never_run_later(behind: Behind, tmp_path: Path):
    with behind(f"echo $$ > {tmp_path}/pid; sleep 8\n{ORIGINAL}", 0.6) as transport:
        with pytest.raises(RemoteCommandError, match="no answer within"):
            transport.run(["touch", str(tmp_path / "too-late")])
        assert process_ended(int((tmp_path / "pid").read_text()))
    assert not (tmp_path / "too-late").exists()


def _require(shell: str) -> None:
    if shutil.which(shell.split()[0]) is None:
        pytest.skip(f"{shell} is not installed")
