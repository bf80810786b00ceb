"""What the user's ssh configuration says of one host, as OpenSSH itself reads it.

``ssh -G`` tells it wherever there is an ssh program; elsewhere paramiko's reader does, which knows
less: what it would take for something else is refused.
"""

from __future__ import annotations

import logging
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from latkit.devices import ssh_config
from latkit.errors import UsageError

_LIMIT_S = 30.0
"""For `Match exec` commands and for looking canonical names up."""
_KEYS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
_USUAL = {
    "port": ["22"],
    "identityfile": [f"~/.ssh/{key}" for key in _KEYS],
    "userknownhostsfile": ["~/.ssh/known_hosts ~/.ssh/known_hosts2"],
    "globalknownhostsfile": ["/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"],
}
_MATCHED = {"all", "canonical", "final", "exec", "host", "originalhost", "user", "localuser"}
_TOKENS_OF_EXEC = ["%C", "%d", "%h", "%L", "%l", "%n", "%p", "%r", "%u"]
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIME = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """What one types after ``ssh``, and with which options."""

    alias: str
    user: str | None = None
    port: int | None = None
    identity: str | None = None
    jumps: str | None = None
    known_hosts: Path | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """The command that opens a shell there."""
        return tuple(
            ssh_config.login_command(
                self.alias,
                user=self.user,
                port=self.port,
                identity=self.identity,
                jumps=self.jumps,
                known_hosts=self.known_hosts,
            )
        )


class Options:
    """The settings of one host: keywords in lower case, each with all its values."""

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for key, value in values:
            self._values.setdefault(key.lower(), []).append(value)

    def raw(self, key: str) -> str | None:
        """The value of a keyword, be it ``none``; None where nothing is said."""
        return self._values.get(key, [None])[0]

    def one(self, key: str) -> str | None:
        """The value of a keyword; None where it has none, or ``none``."""
        values = self.all(key)
        return values[0] if values else None

    def all(self, key: str) -> list[str]:
        """All values of a keyword that may stand several times."""
        return [value for value in self._values.get(key, []) if value.lower() not in ("", "none")]

    def says(self, key: str) -> bool:
        """Whether a keyword has a value other than ``none`` and ``no``."""
        return self.one(key.lower()) is not None and not self.no(key.lower())

    def yes(self, key: str) -> bool:
        """Whether a switch is on."""
        return self.one(key) in ("yes", "true")

    def no(self, key: str) -> bool:
        """Whether a switch is off by the configuration's word."""
        return self.one(key) in ("no", "false")

    def listed(self, key: str) -> list[str]:
        """The members of a value with commas."""
        return (self.one(key) or "").split(",") if self.one(key) else []

    def seconds(self, key: str) -> int:
        """A time; 0 where there is none."""
        return sum(int(n) * _UNIT_S[unit.lower()] for n, unit in _TIME.findall(self.one(key) or ""))


def program() -> str | None:
    """The ssh program; None where there is none, or it would not run for a user without a name."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return None
    return shutil.which("ssh")


def options(login: Login) -> Options:
    """The settings of a host.

    Raises UsageError with ssh's own words where it rejects the configuration.
    """
    ssh = program()
    if ssh is not None:
        return Options(_told_by(ssh, login))
    log.info("%s: no ssh program here, so paramiko reads the ssh configuration", login.alias)
    return Options(_read(login))


def _told_by(ssh: str, login: Login) -> Iterator[tuple[str, str]]:
    # Without -T it remarks that there is no terminal.
    *words, alias = login.command[1:]
    command = [ssh, "-G", "-T", *words, "--", alias]
    log.info("%s: settings by %s", login.alias, shlex.join(command))
    said = _said(command, login.alias)
    for line in said.splitlines():
        key, _, value = line.partition(" ")
        yield key, value


def _said(command: list[str], alias: str) -> str:
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="surrogateescape",
        start_new_session=True,
    ) as process:
        try:
            said, complaint = process.communicate(timeout=_LIMIT_S)
        except subprocess.TimeoutExpired:
            # With the commands of `Match exec`, which would hold the pipe open.
            os.killpg(process.pid, signal.SIGKILL)
            raise UsageError(
                f"ssh did not say within {_LIMIT_S:g} s what its configuration means for {alias!r}",
                "does a `Match exec` command in it wait for something?",
            ) from None
    if process.returncode != 0:
        raise _rejected(alias, complaint)
    return said


def _rejected(alias: str, complaint: str) -> UsageError:
    words = "; ".join(line.strip() for line in complaint.splitlines() if line.strip())
    return UsageError(
        f"ssh rejects its configuration for {alias!r}: {words or 'without a reason'}",
        "correct that line; LATKIT_SSH_CONFIG names another file to use",
    )


def _read(login: Login) -> Iterator[tuple[str, str]]:
    """The same by paramiko; raises UsageError where that would understand something else."""
    found = {**_USUAL, **_lists(_lookup(login.alias))}
    given = {
        "user": login.user,
        "port": login.port and str(login.port),
        "proxyjump": login.jumps,
    }
    found.update({key: [value] for key, value in given.items() if value})
    found.setdefault("user", [_own_name()])
    yield from ((key, value) for key, values in found.items() for value in values)


def _lookup(alias: str) -> Mapping[str, Any]:
    text = ssh_config.read()
    _refuse_unknown_criteria(text)
    try:
        config = paramiko.SSHConfig.from_text(text)
        # The others are replaced as in what ssh tells: ssh_tokens.py.
        config.TOKENS_BY_CONFIG_KEY = {"hostname": ["%h"], "match-exec": _TOKENS_OF_EXEC}
        found: Mapping[str, Any] = config.lookup(alias)
    except Exception as problem:  # a command of `Match exec` may fail in any way
        raise UsageError(
            f"cannot understand the ssh configuration: {problem}",
            "install OpenSSH's client, which latkit then asks, or set LATKIT_SSH_CONFIG to a "
            "simpler file",
        ) from None
    return found


def _refuse_unknown_criteria(text: str) -> None:
    for line in text.splitlines():
        keyword, *words = line.split(" ", 1)
        if keyword != "Match":
            continue
        unknown = sorted(ssh_config.criteria(words[0]) - _MATCHED)
        if unknown:
            raise UsageError(
                f"only ssh understands `Match {' '.join(unknown)}` in the ssh configuration",
                "install OpenSSH's client, which latkit then asks",
            )


def _lists(found: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        key: value if isinstance(value, list) else [value]
        for key, value in found.items()
        if value is not None
    }


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("LOGNAME") or os.environ.get("USER") or str(os.getuid())
