"""The user's ssh configuration: which files it is, and which hosts it names.

Listing devices must stay quick, so that this asks neither ssh nor paramiko; what the settings of
one host are, ``transport/ssh_options.py`` finds out.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import pwd
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from latkit.config import own_path
from latkit.errors import UsageError

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
_MAX_INCLUDE_DEPTH = 16  # as in OpenSSH
_MAX_BYTES = 1024 * 1024
_KEYWORD = re.compile(r"\s*(?P<keyword>\w+)(?:\s*=\s*|\s+|$)(?P<rest>.*)")
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"'])+|\S+""")
_QUOTED = re.compile(r""""([^"]*)"|'([^']*)'""")
_WITHOUT_VALUE = ("all", "canonical", "final")
_OF_HOSTS = ("host", "originalhost")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a configuration.

    Attributes:
        under: the criteria, as words of a ``Match`` line, of all sections that it stands in.
        keyword: in lower case; ``match`` where a section begins.
    """

    under: tuple[str, ...]
    keyword: str
    words: tuple[str, ...]


def override() -> Path | None:
    """The file that ``LATKIT_SSH_CONFIG`` names; like ``ssh -F`` it replaces all others."""
    own = os.environ.get("LATKIT_SSH_CONFIG")
    return own_path(own, "LATKIT_SSH_CONFIG") if own else None


def shown() -> str:
    """The file that options of a host belong into, as a message names it."""
    return str(override() or "~/.ssh/config")


def home() -> Path:
    """The home directory whose ``.ssh`` counts.

    It is the one that ssh takes, from the password database; that of ``$HOME`` only where there
    alone is an ``.ssh``.
    """
    usual, named = ssh_home(), Path(os.environ.get("HOME") or ssh_home())
    return named if _is_there(named / ".ssh") and not _is_there(usual / ".ssh") else usual


def ssh_home() -> Path:
    """The home directory that ssh takes; ``$HOME`` where the user is in no password database."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path(os.environ.get("HOME", "/"))


def file_option() -> list[str]:
    """What makes ssh read the same files as latkit: ``-F FILE``, or nothing."""
    own, users = override(), _user_file(home())
    if own is None and home() != ssh_home() and _is_there(users):
        own = users
    return ["-F", str(own)] if own else []


def login_command(
    alias: str,
    *,
    user: str | None = None,
    port: int | None = None,
    identity: str | None = None,
    jumps: str | None = None,
    known_hosts: Path | None = None,
) -> list[str]:
    """The command that opens a shell there; ``jumps`` are the hosts of ``-J``."""
    words = ["ssh", *file_option()]
    words += ["-J", jumps] if jumps else []
    words += ["-p", str(port)] if port else []
    words += ["-i", identity] if identity else []
    words += ["-o", f"UserKnownHostsFile={quoted(known_hosts)}"] if known_hosts else []
    return [*words, f"{user}@{alias}" if user else alias]


def quoted(file: Path) -> str:
    """A path as a value of the configuration."""
    literal = str(file).replace("%", "%%")
    return f'"{literal}"' if re.search(r"\s", literal) else literal


def host_names() -> set[str]:
    """Names that stand without a wildcard in ``Host`` and ``Match`` lines: ``ssh NAME`` means them.

    Raises UsageError where a file cannot be read.
    """
    found: set[str] = set()
    for line in _headers():
        found.update(
            name
            for name in _patterns(line.words)
            if not set(name) & set("*?!") and _may_apply(line.under, name)
        )
    return found


def names(name: str) -> bool:
    """Whether a ``Host`` or ``Match`` line is about that name; a mere ``*`` is about none.

    Raises UsageError where a file cannot be read.
    """
    return any(
        any(pattern.strip("*?") and matches([pattern], name) for pattern in _patterns(line.words))
        and _may_apply(line.under, name)
        for line in _headers()
    )


def read() -> str:
    """The user's configuration followed by the system's, every ``Include`` replaced by its text.

    Values stand as ``ssh -G`` prints them, without quotes and comments; a section within a section
    becomes a ``Match`` of both. Raises UsageError where a file cannot be read.
    """
    text: list[str] = []
    under: tuple[str, ...] | None = None
    for line in _lines():
        if line.under != under:
            under = line.under
            text.append(f"Match {shlex.join(under or ('originalhost', '*'))}")
        if line.keyword != "match":
            text.append(f"{line.keyword} {' '.join(line.words)}")
    return "\n".join(text) + "\n"


def criteria(match: str) -> set[str]:
    """What a ``Match`` line asks for, in lower case and without negation."""
    return {criterion.lstrip("!") for criterion, _ in _criteria(shlex.split(match))}


def _headers() -> Iterator[Line]:
    return (line for line in _lines() if line.keyword == "match")


def _lines() -> Iterator[Line]:
    own = override()
    if own is not None and not _is_there(own):
        raise UsageError(
            f"there is no file {own}", "LATKIT_SSH_CONFIG names it: correct or unset it"
        )
    yield from _expanded(own or _user_file(home()), home() / ".ssh", (), 0)
    if own is None:
        yield from _expanded(SYSTEM_CONFIG, SYSTEM_CONFIG.parent, (), 0)


def _expanded(file: Path, base: Path, outer: tuple[str, ...], depth: int) -> Iterator[Line]:
    """The lines of a file; what it includes stands under the section that includes it."""
    if depth > _MAX_INCLUDE_DEPTH:
        raise UsageError(f"{file}: ssh configuration files include one another too deeply")
    under = outer
    for keyword, words in _split(_text(file)):
        if keyword == "include":
            for included in _included(words, base):
                yield from _expanded(included, base, under, depth + 1)
        elif keyword in ("host", "match"):
            own = ("originalhost", ",".join(words)) if keyword == "host" else _narrowing(words)
            under = (*outer, *own)
            yield Line(under, "match", own)
        else:
            yield Line(under, keyword, words)


def _text(file: Path) -> str:
    try:
        if not file.is_file():
            return ""
        with file.open("rb") as source:
            return source.read(_MAX_BYTES).decode("utf-8", errors="surrogateescape")
    except OSError as problem:
        raise UsageError(f"cannot read the ssh configuration {file}: {problem.strerror}") from None


def _split(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in text.split("\n"):
        match = _KEYWORD.match(line)
        if match is not None:
            yield match["keyword"].lower(), _words(match["rest"])


def _words(text: str) -> tuple[str, ...]:
    """Words without their quotes, up to a comment."""
    found: list[str] = []
    for word in _WORD.findall(text):
        if word.startswith("#"):
            break
        found.append(_QUOTED.sub(lambda quoted: quoted[1] or quoted[2] or "", word))
    return tuple(found)


def _included(patterns: Sequence[str], base: Path) -> Iterator[Path]:
    for pattern in patterns:
        tilde = pattern.startswith("~/")
        # An absolute pattern replaces the base when joined.
        absolute = home() / pattern[2:] if tilde else base / pattern
        yield from map(Path, sorted(glob.glob(str(absolute))))  # noqa: PTH207


def _criteria(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a ``Match`` line; a criterion that takes no value has an empty one."""
    rest = iter(words)
    for word in rest:
        bare = word.lower().lstrip("!") in _WITHOUT_VALUE
        yield word.lower(), "" if bare else next(rest, "")


def _narrowing(words: Sequence[str]) -> tuple[str, ...]:
    """The criteria of a ``Match`` line but ``all``, which excludes nothing."""
    pairs = [pair for pair in _criteria(words) if pair[0] != "all"]
    return tuple(word for pair in pairs for word in pair if word)


def _patterns(words: Sequence[str]) -> list[str]:
    return [
        pattern
        for criterion, value in _criteria(words)
        if criterion in _OF_HOSTS
        for pattern in value.split(",")
        if pattern
    ]


def _may_apply(under: Sequence[str], name: str) -> bool:
    """Whether sections may apply to a name, as far as they speak of names."""
    return all(
        matches(value.split(","), name)
        for criterion, value in _criteria(under)
        if criterion in _OF_HOSTS
    )


def matches(patterns: Sequence[str], name: str) -> bool:
    """Whether a name is meant by patterns, as configurations and known_hosts have them.

    Only ``*`` and ``?`` are special, and ``!`` in front of one that is excepted.
    """
    refused = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    return any(_like(name, one) for one in wanted) and not any(_like(name, one) for one in refused)


def _like(name: str, pattern: str) -> bool:
    # fnmatch would take [a] for a set.
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _user_file(folder: Path) -> Path:
    return folder / ".ssh" / "config"


def _is_there(file: Path) -> bool:
    return os.access(file, os.F_OK)
