"""The one connection of the system's ``ssh`` over which all its sessions run."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from latkit.devices.transport import openssh_failure
from latkit.devices.transport.child import ChildStreams
from latkit.devices.transport.link_errors import SshMissing, link_lost
from latkit.devices.transport.process import QUIET_S, SETTLE_LIMIT_S
from latkit.devices.transport.streams import Drain, Kept
from latkit.devices.transport.time_limit import TimeLimit
from latkit.errors import DeviceUnreachable, UsageError

SERVER_ALIVE_INTERVAL_S = 10
SERVER_ALIVE_COUNT = 3
_LOGIN_TIMEOUT_S = 30.0
_POLL_S = 0.01
_CHECK_TIMEOUT_S = 5.0
_END_TIMEOUT_S = 5.0
_WORDS_BYTES = 16 * 1024
_SOCKET = "s"
# A socket's name has room for 104 bytes at least, and ssh adds 17 of its own while it makes it.
_FOLDER_NAME_BYTES = 80

# The first word on a matter wins, so that these stand above the user's own settings; jump hosts
# read them too.
_SETTINGS = """\
BatchMode yes
StrictHostKeyChecking yes
NoHostAuthenticationForLocalhost no
UpdateHostKeys no
AddKeysToAgent no
ForwardAgent no
ForwardX11 no
ClearAllForwardings yes
Tunnel no
PermitLocalCommand no
RemoteCommand none
RequestTTY no
EscapeChar none
VisualHostKey no
LogLevel INFO
ConnectionAttempts 1
ConnectTimeout {connect_timeout_s}
ServerAliveInterval {interval_s}
ServerAliveCountMax {count}
{newer}
Match all
"""
# Since OpenSSH 8.7; an older one would reject it. A master that goes to the background is out of
# sight: it looks dead, and outlives this process.
_STAY = "ForkAfterAuthentication no"
# Where no file is named. One that is named is copied: ssh includes only what nobody else may
# write, and reads what it is told to.
_USUAL_FILES = "Include ~/.ssh/config\nMatch all\nInclude /etc/ssh/ssh_config\n"

# The master, and all that it started, ends when whoever holds this shell's input does.
_WATCH = """\
exec 3<&0
"$@" </dev/null 3<&- &
master=$!
{ read -r _; kill -TERM 0; } <&3 >/dev/null 2>&1 &
wait "$master"
"""


class Master:
    """Connects and logs in.

    Args:
        login_command: the ssh command up to and including the host.
        label: ``user@host:port``, for messages.
        connect_timeout_s: how long the server may take to answer.

    Raises DeviceUnreachable, HostKeyError, or SshMissing where there is no such program.
    """

    def __init__(self, login_command: Sequence[str], label: str, connect_timeout_s: float) -> None:
        if shutil.which(login_command[0]) is None:
            raise SshMissing(login_command[0])
        self.label = label
        self._login_command = login_command
        self._connect_timeout_s = connect_timeout_s
        with ExitStack() as opening:
            self._folder = Path(opening.enter_context(_private_folder()))
            self._process = opening.enter_context(_running(self._command(), self.environment))
            self._errors = Drain(self._process, Kept(_WORDS_BYTES))
            opening.callback(self._errors.stop)
            self._await_login(TimeLimit(2 * connect_timeout_s + _LOGIN_TIMEOUT_S))
            self._held = opening.pop_all()

    @property
    def environment(self) -> dict[str, str]:
        """That of every ssh process: its words are in English, and it asks nobody."""
        return {**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}

    def session_command(self, line: str) -> list[str]:
        """The ssh command that gives a line to a login shell over this connection, or fails."""
        options = ["-F", "/dev/null", *self._control("no"), "-o", "LogLevel=ERROR"]
        # Without a master, ssh would connect by itself; this is a way to nowhere.
        nowhere = ["-o", "ProxyCommand=exit 1", "-o", "BatchMode=yes"]
        program = self._login_command[0]
        return [program, *options, *nowhere, "-T", "-a", "-x", "--", "latkit", line]

    def alive(self) -> bool:
        """Whether the connection is up as far as is known at this moment."""
        return not self._process.wait(0.0)

    def lost(self) -> bool:
        """Whether a failure just seen was the end of the whole connection."""
        program, options = self._login_command[0], ["-F", "/dev/null", *self._control("no")]
        command = [program, *options, "-O", "check", "--", "latkit"]
        try:
            asked = subprocess.run(command, capture_output=True, timeout=_CHECK_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired):
            return True
        return asked.returncode != 0

    def failure(self) -> DeviceUnreachable:
        """What to raise for a lost connection."""
        return link_lost(self.label)

    def close(self) -> None:
        """End the connection and everything that runs over it."""
        self._held.close()

    def _command(self) -> list[str]:
        program, *words, host = self._login_command
        users, words = _without_settings(words)
        settings = self._folder / "config"
        newer = _STAY if _knows(program, _STAY) else ""
        settings.write_bytes(_settings(self._connect_timeout_s, newer) + users)
        options = ["-F", str(settings), *self._control("yes"), "-o", "ControlPersist=no"]
        ssh = [program, *options, "-N", "-T", "-a", "-x", *words, "--", host]
        return ["/bin/sh", "-c", _WATCH, "sh", *ssh]

    def _control(self, is_master: str) -> list[str]:
        path = str(self._folder / _SOCKET).replace("%", "%%")
        return ["-o", f"ControlPath={path}", "-o", f"ControlMaster={is_master}"]

    def _await_login(self, limit: TimeLimit) -> None:
        # It makes the socket once it is logged in.
        while not (self._folder / _SOCKET).exists():
            if not self.alive():
                self._errors.settle(QUIET_S, SETTLE_LIMIT_S)
                raise openssh_failure.of(self._errors.text(), self.label, self._login_command)
            if not limit.left_s():
                raise openssh_failure.silence(
                    self._errors.text(), self.label, limit.timeout_s, self._login_command
                )
            time.sleep(_POLL_S)


@cache
def _knows(program: str, setting: str) -> bool:
    """Whether that ssh has such a setting."""
    command = [program, "-F", "/dev/null", "-o", setting, "-G", "latkit"]
    try:
        asked = subprocess.run(command, capture_output=True, timeout=_CHECK_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _settings(connect_timeout_s: float, newer: str) -> bytes:
    return _SETTINGS.format(
        newer=newer,
        connect_timeout_s=math.ceil(connect_timeout_s),
        interval_s=SERVER_ALIVE_INTERVAL_S,
        count=SERVER_ALIVE_COUNT,
    ).encode()


def _without_settings(words: Sequence[str]) -> tuple[bytes, list[str]]:
    """The user's settings that an ssh command reads, and its other words."""
    if "-F" not in words:
        return _USUAL_FILES.encode(), list(words)
    at = words.index("-F")
    file, others = words[at + 1], [*words[:at], *words[at + 2 :]]
    if file == "none":
        return b"", others
    try:
        return Path(file).read_bytes(), others
    except OSError as problem:
        raise UsageError(f"cannot read {file}: {problem.strerror}") from None


@contextmanager
def _private_folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="latkit-")
    if len(os.fsencode(folder)) > _FOLDER_NAME_BYTES:
        Path(folder).rmdir()
        folder = tempfile.mkdtemp(prefix="latkit-", dir="/tmp")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[ChildStreams]:
    process = ChildStreams(command, "ssh", environment)
    try:
        yield process
    finally:
        process.close_stdin()
        if not process.wait(_END_TIMEOUT_S):
            process.kill()
        process.close()
