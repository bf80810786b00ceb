"""Tokens (``%h``), variables (``${NAME}``) and ``~`` in the paths of an ssh configuration."""

from __future__ import annotations

import os
import pwd
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from latkit.devices import ssh_config
from latkit.errors import UsageError

_TOKEN = re.compile(r"%(.)|\$\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the tokens of one host stand for."""

    alias: str
    hostname: str
    port: int
    user: str
    host_key_alias: str | None = None

    def expand(self, text: str) -> str:
        """Raises UsageError for a variable that is not set; an unknown token stays as it is."""
        return _TOKEN.sub(self._meaning, text)

    def path(self, text: str) -> Path:
        """The same with a leading ``~`` replaced."""
        path = _without_tilde(self.expand(text))
        usual = ssh_config.ssh_home() / ".ssh"
        # What ssh has replaced already stands where ssh thinks that home is.
        return (
            ssh_config.home() / ".ssh" / path.relative_to(usual) if usual in path.parents else path
        )

    def _meaning(self, token: re.Match[str]) -> str:
        if token[2]:
            return _variable(token[2])
        meaning = self._tokens().get(token[1])
        return token[0] if meaning is None else meaning()

    def _tokens(self) -> Mapping[str, Callable[[], str]]:
        return {
            "%": lambda: "%",
            "d": lambda: str(ssh_config.home()),
            "h": lambda: self.hostname,
            "i": lambda: str(os.getuid()),
            "k": lambda: self.host_key_alias or self.alias,
            "L": lambda: socket.gethostname().partition(".")[0],
            "l": socket.gethostname,
            "n": lambda: self.alias,
            "p": lambda: str(self.port),
            "r": lambda: self.user,
            "u": lambda: pwd.getpwuid(os.getuid()).pw_name,
        }


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise UsageError(f"the ssh configuration uses ${{{name}}}, which is not set")
    return value


def _without_tilde(text: str) -> Path:
    if text == "~" or text.startswith("~/"):
        return Path(f"{ssh_config.home()}/{text[2:]}")
    if text.startswith("~"):
        name, _, rest = text[1:].partition("/")
        try:
            return Path(pwd.getpwnam(name).pw_dir) / rest
        except KeyError:
            raise UsageError(f"the ssh configuration names {text}, but no user {name!r}") from None
    return Path(text)
