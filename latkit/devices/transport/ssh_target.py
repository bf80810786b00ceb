"""Where a profile leads over ssh: servers, each with the settings that ssh would use for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from latkit.devices.profile import Profile
from latkit.devices.transport.ssh_options import Login, Options, options
from latkit.devices.transport.ssh_tokens import Tokens
from latkit.errors import UsageError

DEFAULT_CONNECT_TIMEOUT_S = 10.0
_MAX_HOPS = 8
_USUAL_KNOWN_HOSTS = "~/.ssh/known_hosts"
_JUMP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:/@]+))(?::(?P<port>\d+))?/?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One SSH server and how to log in there.

    Attributes:
        alias: what one would type after ``ssh``.
        agent: the socket of the agent that may be asked; None: no agent.
        known_hosts: files with the keys of servers, the one to record them in first.
        options: all that the configuration says of it.
        via: the jump host through which it is reached.
        login: how ssh is asked for it.
    """

    alias: str
    hostname: str
    port: int
    user: str
    identity_files: tuple[Path, ...]
    identities_only: bool
    certificate_files: tuple[Path, ...]
    agent: Path | None
    known_hosts: tuple[Path, ...]
    host_key_alias: str | None
    connect_timeout_s: float
    options: Options = field(compare=False, repr=False)
    via: Target | None
    login: Login

    @property
    def label(self) -> str:
        """``user@host:port``."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{self.user}@{host}:{self.port}"

    @property
    def login_command(self) -> tuple[str, ...]:
        """The ssh command that reaches the same place."""
        return self.login.command

    def hops(self) -> list[Target]:
        """All servers on the way, the one to connect to first first, this one last."""
        return [*(self.via.hops() if self.via else []), self]


def resolve(profile: Profile) -> Target:
    """Where a profile leads; what it says itself wins over the ssh configuration.

    Raises UsageError where the configuration cannot be understood, or names a key file of the
    profile that is not there.
    """
    user, _, alias = (profile.host or profile.name).rpartition("@")
    login = Login(alias, profile.user or user or None, profile.port, _own_key(profile))
    target = _target(login, depth=0)
    if profile.connect_timeout_s:
        return replace(target, connect_timeout_s=profile.connect_timeout_s)
    return target


def _own_key(profile: Profile) -> str | None:
    if profile.identity_file is None:
        return None
    file = Path(profile.identity_file).expanduser()
    if not file.is_file():
        raise UsageError(f"device {profile.name!r}: identity_file: there is no file {file}")
    return str(file)


def _target(login: Login, depth: int) -> Target:
    if depth >= _MAX_HOPS:
        raise UsageError(
            f"the ProxyJump of {login.alias!r} leads through more than {_MAX_HOPS} hosts",
            "where it leads through itself, as a ProxyJump for `Host *` does, give the jump host a "
            "section of its own with ProxyJump none, above that",
        )
    found = options(login)
    tokens = Tokens(
        alias=found.one("host") or login.alias,
        hostname=found.one("hostname") or login.alias,
        port=_port(found),
        user=found.one("user") or "",
        host_key_alias=found.one("hostkeyalias"),
    )
    recorded = tuple(map(tokens.path, _user_known_hosts(found)))
    if not recorded:
        # Host keys are always verified: a configuration that throws them away means the usual file.
        recorded = (tokens.path(_USUAL_KNOWN_HOSTS),)
        login = replace(login, known_hosts=recorded[0])
    return Target(
        alias=login.alias,
        hostname=tokens.hostname,
        port=tokens.port,
        user=tokens.user,
        identity_files=_identities(login, found, tokens),
        identities_only=found.yes("identitiesonly"),
        certificate_files=tuple(map(tokens.path, found.all("certificatefile"))),
        agent=_agent(found, tokens),
        known_hosts=(*recorded, *_system_known_hosts(found)),
        host_key_alias=tokens.host_key_alias,
        connect_timeout_s=float(found.seconds("connecttimeout") or DEFAULT_CONNECT_TIMEOUT_S),
        options=found,
        via=_via(login.alias, tokens.expand(found.one("proxyjump") or ""), depth),
        login=login,
    )


def _via(alias: str, chain: str, depth: int) -> Target | None:
    """The last host of ``first,second,...``, reached through those before it."""
    if not chain:
        return None
    before, _, last = chain.rpartition(",")
    match = _JUMP.fullmatch(last.strip())
    if match is None:
        raise UsageError(f"cannot understand the ProxyJump {chain!r} of {alias!r}")
    host = match["host"] or match["v6"]
    port = int(match["port"]) if match["port"] else None
    return _target(Login(host, match["user"], port, jumps=before or None), depth + 1)


def _identities(login: Login, found: Options, tokens: Tokens) -> tuple[Path, ...]:
    if login.identity is not None:
        return (Path(login.identity),)
    return tuple(dict.fromkeys(map(tokens.path, found.all("identityfile"))))


def _port(found: Options) -> int:
    said = found.one("port") or "22"
    if not said.isdecimal():
        raise UsageError(f"the ssh configuration has port {said!r}, not a number")
    return int(said)


def _agent(found: Options, tokens: Tokens) -> Path | None:
    """IdentityAgent: a socket, the name of the usual variable, ``$VARIABLE``, or ``none``."""
    said = (found.raw("identityagent") or "SSH_AUTH_SOCK").strip()
    if said.lower() == "none":
        return None
    if said == "SSH_AUTH_SOCK" or re.fullmatch(r"\$\w+", said):
        socket = os.environ.get(said.lstrip("$"))
        return Path(socket) if socket else None
    return tokens.path(said)


def _user_known_hosts(found: Options) -> list[str]:
    return [file for file in _files(found.one("userknownhostsfile")) if file != "/dev/null"]


def _system_known_hosts(found: Options) -> tuple[Path, ...]:
    return tuple(map(Path, _files(found.one("globalknownhostsfile"))))  # taken literally by ssh


def _files(names: str | None) -> list[str]:
    """Names that ssh prints side by side without quotes: what begins with / or ~ is another one."""
    found: list[str] = []
    for part in re.split(r" (?=[/~])", names or ""):
        found += [part] if part.startswith(("/", "~")) else part.split()
    return [name for name in found if name.lower() != "none"]
