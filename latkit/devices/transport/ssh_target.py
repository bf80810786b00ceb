"""Where a profile leads over ssh: the user's ssh configuration, interpreted as OpenSSH does."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import paramiko

from latkit.devices import ssh_config
from latkit.devices.profile import Profile
from latkit.errors import UsageError

DEFAULT_CONNECT_TIMEOUT_S = 10.0
_MAX_HOPS = 8
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_DEFAULT_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_SYSTEM_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_JUMP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:/@]+))(?::(?P<port>\d+))?/?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One SSH server and how to log in there.

    Attributes:
        alias: what one would type after ``ssh``.
        identities_named: whether the user named the key files, as opposed to the usual ones.
        via: the jump host through which it is reached.
        login_command: the ssh command that reaches the same place, for hints.
    """

    alias: str
    hostname: str
    port: int
    user: str
    identity_files: tuple[Path, ...]
    identities_named: bool
    identities_only: bool
    known_hosts: tuple[Path, ...]
    host_key_alias: str | None
    connect_timeout_s: float
    via: Target | None
    login_command: tuple[str, ...]

    @property
    def label(self) -> str:
        """``user@host:port``."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{self.user}@{host}:{self.port}"

    def hops(self) -> list[Target]:
        """All servers on the way, the one to connect to first first, this one last."""
        return [*(self.via.hops() if self.via else []), self]


def resolve(profile: Profile) -> Target:
    """Where a profile leads; what it says itself wins over the ssh configuration.

    Raises UsageError where the configuration cannot be understood, or names a key file of the
    profile that is not there.
    """
    target = _Config().target(profile.host or profile.name)
    changes: dict[str, Any] = {"login_command": tuple(profile.login_command)}
    if profile.user:
        changes["user"] = profile.user
    if profile.port:
        changes["port"] = profile.port
    if profile.connect_timeout_s:
        changes["connect_timeout_s"] = profile.connect_timeout_s
    if profile.identity_file:
        changes["identity_files"] = (_own_key(profile, profile.identity_file),)
        changes["identities_named"] = True
    return replace(target, **changes)


def _own_key(profile: Profile, name: str) -> Path:
    file = Path(name).expanduser()
    if not file.is_file():
        raise UsageError(f"device {profile.name!r}: identity_file: there is no file {file}")
    return file


class _Config:
    def __init__(self) -> None:
        try:
            self._config = paramiko.SSHConfig.from_text(ssh_config.read())
        except paramiko.SSHException as problem:
            raise _not_understood(problem) from None

    def target(self, alias: str, jumps: str | None = None, depth: int = 0) -> Target:
        """``jumps`` is what stands before this host in a chain; None: its own ProxyJump."""
        if depth >= _MAX_HOPS:
            raise UsageError(
                f"the ProxyJump of {alias!r} leads through more than {_MAX_HOPS} hosts"
            )
        options = self._lookup(alias)
        if options.get("proxycommand") and not options.get("proxyjump"):
            raise UsageError(
                f"your ssh configuration reaches {alias!r} by a ProxyCommand, which latkit does "
                "not run",
                "ProxyJump does the same for a jump host: ProxyJump user@jumphost",
            )
        named = _paths(options.get("identityfile") or ())
        return Target(
            alias=alias,
            hostname=options["hostname"],
            port=_number(options, "port", 22),
            user=options.get("user") or getpass.getuser(),
            identity_files=named or tuple(Path.home() / ".ssh" / key for key in _DEFAULT_KEYS),
            identities_named=bool(named),
            identities_only=options.get("identitiesonly", "").lower() in ("yes", "true"),
            known_hosts=_known_hosts(options.get("userknownhostsfile", "")),
            host_key_alias=options.get("hostkeyalias"),
            connect_timeout_s=float(
                _number(options, "connecttimeout", 0) or DEFAULT_CONNECT_TIMEOUT_S
            ),
            via=self._via(alias, options.get("proxyjump") if jumps is None else jumps, depth),
            login_command=_login_command(alias, jumps=jumps),
        )

    def _via(self, alias: str, chain: str | None, depth: int) -> Target | None:
        """The last host of ``first,second,...``, reached through those before it."""
        if not chain or chain.lower() == "none":
            return None
        before, _, last = chain.rpartition(",")
        match = _JUMP.fullmatch(last.strip())
        if match is None:
            raise UsageError(f"cannot understand the ProxyJump {chain!r} of {alias!r}")
        host = match["host"] or match["v6"]
        if host == alias:  # a jump host to which its own `Host *` section applies
            return None
        jump = self.target(host, before or None, depth + 1)
        user, port = match["user"] or jump.user, int(match["port"] or jump.port)
        login = _login_command(host, user=user, port=port, jumps=before)
        return replace(jump, user=user, port=port, login_command=login)

    def _lookup(self, alias: str) -> Mapping[str, Any]:
        try:
            options: Mapping[str, Any] = self._config.lookup(alias)
        except Exception as problem:  # a command of `Match exec` may fail in any way
            raise _not_understood(problem) from None
        return options


def _login_command(
    alias: str, *, user: str = "", port: int = 0, jumps: str | None = None
) -> tuple[str, ...]:
    config = ssh_config.override()
    words = ["ssh", *(["-F", str(config)] if config else [])]
    words += ["-J", jumps] if jumps else []
    words += ["-p", str(port)] if port else []
    return (*words, f"{user}@{alias}" if user else alias)


def _known_hosts(configured: str) -> tuple[Path, ...]:
    # Host keys are always verified: a configuration that throws them away means the usual file.
    own = _paths(name for name in configured.split() if name != "/dev/null")
    return (*(own or _paths(_DEFAULT_KNOWN_HOSTS)), *_paths(_SYSTEM_KNOWN_HOSTS))


def _paths(names: Iterable[str]) -> tuple[Path, ...]:
    return tuple(Path(name).expanduser() for name in names if name.lower() != "none")


def _number(options: Mapping[str, Any], key: str, default: int) -> int:
    value = options.get(key)
    if value is None or value == "none":
        return default
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"your ssh configuration has {key} {value!r}, not a number") from None


def _not_understood(problem: Exception) -> UsageError:
    return UsageError(
        f"cannot understand your ssh configuration: {problem}",
        "set LATKIT_SSH_CONFIG to a simpler file (no Match exec), or give host, user, port and "
        "identity_file in the device's profile",
    )
