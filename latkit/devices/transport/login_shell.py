"""What a login shell is told, so that a command starts, can be killed, and its end is known."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

# Login scripts may print something first: the command's output begins after the first mark.
# Ending a session does not end the process behind it, so that its group must be known in order
# to be killed. Nothing starts before the host has said so: it may have given up meanwhile. The
# second mark, on both streams, tells the command's end from the session's, which a process left
# behind keeps open, its words from those of a shell that says goodbye, and its status from that of
# a broken link.
_START = (
    "latkit_group=$$; latkit_word=; latkit_end=$2; "
    "read -r _ _ _ _ latkit_group _ 2>/dev/null < /proc/$$/stat; "
    'echo "$1 $latkit_group"; shift 2; '
    'until [ "$latkit_word" = latkit-go ]; do read -r latkit_word || exit 125; done; '
    '"$@"; latkit_word=$?; latkit_end="$latkit_end $latkit_word"; '
    'echo "$latkit_end" >&2; echo "$latkit_end"; exit "$latkit_word"'
)
GO = b"latkit-go\n"

# A shell that took the place of the right one reads its commands from the input: it answers this.
QUESTION = b"""sh -c 'echo "latkit-shell $(cat /proc/$PPID/comm)"'\n"""
_ANSWER = re.compile(rb"^latkit-shell ([^\n]*)\n", re.MULTILINE)

# What stands between single quotes and yet means something: newlines and ! to csh, backslashes to
# fish. They are spelled for printf's %b.
_UNSAFE = str.maketrans({"\n": r"\0012", "!": r"\0041", "\\": r"\0134"})

_SIGNALS = range(129, 193)


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it is given to a login shell, with marks that nothing else prints."""

    argv: tuple[str, ...]
    begin: str = field(default_factory=lambda: f"latkit-begin-{secrets.token_hex(8)}")
    end: str = field(default_factory=lambda: f"latkit-end-{secrets.token_hex(8)}")

    @property
    def shown(self) -> str:
        """The command as messages show it."""
        return repr(shlex.join(self.argv)[:200])

    @property
    def line(self) -> str:
        """What the login shell is given."""
        plain = shlex.join(["sh", "-c", _START, "sh", self.begin, self.end, *self.argv])
        spelled = plain.translate(_UNSAFE)
        if spelled == plain:
            return plain
        return shlex.join(["sh", "-c", 'eval "exec $(printf %b "$1")"', "sh", spelled])


def killing(group: str) -> list[str] | None:
    """The command that ends a process group; None where that is no group."""
    if not group.isdecimal() or int(group) <= 1:
        return None
    return ["sh", "-c", 'kill -KILL "-$1"', "sh", group]


def usurper(said: bytes) -> str | None:
    """The name of the shell that answered the question, if one did."""
    answer = _ANSWER.search(said)
    return (answer[1].decode("utf-8", "replace").strip() or "another one") if answer else None


def status(value: str) -> int:
    """The exit status that a shell reports, negative where a signal ended the command."""
    number = int(value) if value.isdecimal() else -1
    return 128 - number if number in _SIGNALS else number


def advice(said: str, login_command: Sequence[str]) -> str:
    """What to do about a login shell that starts nothing."""
    if "not available" in said:
        return "its login shell is nologin or the like: chsh -s /bin/sh there, or another user"
    if "restricted" in said or "sh: command not found" in said:
        return "a restricted shell must be allowed to run sh: chsh -s /bin/sh there"
    return f"this should print 1: {shlex.join([*login_command, 'echo', '1'])}"
