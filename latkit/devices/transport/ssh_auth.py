"""Logging in with the agent's keys and key files, and a clear account where none will do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from latkit.devices import ssh_config
from latkit.devices.transport.ssh_algorithms import accepts
from latkit.devices.transport.ssh_identity import (
    agent_keys,
    is_open_to_others,
    is_public,
    public_blob,
)
from latkit.devices.transport.ssh_target import Target
from latkit.errors import DeviceUnreachable

AUTH_TIMEOUT_S = 30.0


def authenticate(transport: paramiko.Transport, target: Target) -> None:
    """Log in; raises DeviceUnreachable saying which keys were refused, and why others not tried."""
    attempt = _Attempt(transport, target)
    if attempt.without_key():
        return
    for label, key in attempt.candidates():
        if attempt.with_key(label, key):
            return
    raise attempt.failure()


@dataclass
class _Attempt:
    transport: paramiko.Transport
    target: Target
    refused: list[str] = field(default_factory=list)
    locked: list[Path] = field(default_factory=list)

    def without_key(self) -> bool:
        """Some servers (Tailscale's, for one) have settled it already; the others say no."""
        try:
            return not self.transport.auth_none(self.target.user)
        except paramiko.SSHException:
            return False

    def with_key(self, label: str, key: paramiko.PKey) -> bool:
        try:
            wanted = self.transport.auth_publickey(self.target.user, key)
        except paramiko.SSHException as problem:
            reason = "refused" if self.transport.is_active() else "refused, and hung up"
            known = isinstance(problem, paramiko.AuthenticationException)
            self.refused.append(f"{label} {reason if known else problem}")
            return False
        if wanted:
            self.refused.append(f"{label} accepted, but {' or '.join(wanted)} wanted besides")
        return not wanted

    def candidates(self) -> Iterator[tuple[str, paramiko.PKey]]:
        """Keys in the order of trying: named ones, whether in the agent or not, then the rest.

        A server gives up after a few, so that the likeliest must come first.
        """
        files = self.target.identity_files
        blobs = {public_blob(file) or str(file).encode(): file for file in files}
        agent = [
            (f"agent key {key.comment or key.name}", key)
            for key in agent_keys(self.target.agent)
            if accepts(self.target.options, key.name)
        ]
        yield from (one for one in agent if one[1].asbytes() in blobs)
        in_agent = {key.asbytes() for _, key in agent}
        for blob, file in blobs.items():
            key = None if blob in in_agent else self._load(file)
            if key is not None and accepts(self.target.options, key.get_name()):
                yield str(file), key
        if not self.target.identities_only:
            yield from (one for one in agent if one[1].asbytes() not in blobs)

    def _load(self, file: Path) -> paramiko.PKey | None:
        if is_public(file):
            self.refused.append(f"{file} is a public key, and no agent has the private one")
            return None
        if is_open_to_others(file):
            self.refused.append(f"{file} may be read by others, so that ssh ignores it: chmod 600")
            return None
        try:
            return paramiko.PKey.from_path(file)
        except FileNotFoundError:
            return None
        except (TypeError, paramiko.PasswordRequiredException):
            self.locked.append(file)
            self.refused.append(f"{file} is protected by a passphrase, and no agent has it")
        except (
            OSError,
            ValueError,
            paramiko.SSHException,
            paramiko.pkey.UnknownKeyType,
        ) as problem:
            self.refused.append(f"{file} cannot be read ({problem})")
        return None

    def failure(self) -> DeviceUnreachable:
        tried = "; ".join(self.refused) or "there is no key to offer"
        return DeviceUnreachable(f"{self.target.label}: permission denied: {tried}", self._advice())

    def _advice(self) -> str:
        if self.locked:
            return f"ssh-add {shlex.quote(str(self.locked[0]))} (start an agent first: ssh-agent)"
        if not self.transport.is_active() and len(self.refused) > 1:
            return (
                f"name one key for it in {ssh_config.shown()}: Host {self.target.alias}, "
                "IdentityFile ..., IdentitiesOnly yes"
            )
        login, host = self.target.login_command[1:-1], self.target.login_command[-1]
        copy = shlex.join(["ssh-copy-id", *login, host])
        return f"check the user name, and put your public key on the device: {copy}"
