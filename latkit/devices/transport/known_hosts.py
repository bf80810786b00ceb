"""Is this the device that it claims to be? The host key against the known_hosts files.

The rules are those of OpenSSH's sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: hashed names, wildcards,
negation, ``@revoked``. Certificate authorities are left to the transport ``openssh``. Nothing is
ever added.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko

from latkit.devices import ssh_config
from latkit.devices.transport.ssh_target import Target
from latkit.errors import HostKeyError

# Where the configuration says something else, ssh would not ask, or not look at the key.
_IN_THE_WAY = {
    "BatchMode": "no",
    "ControlPath": "none",
    "NoHostAuthenticationForLocalhost": "no",
    "RemoteCommand": "none",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a known_hosts file."""

    file: Path
    line: int
    marker: str
    names: str
    key_type: str
    key: bytes

    def applies_to(self, name: str) -> bool:
        """Whether the line is about the host of that name."""
        if self.names.startswith("|"):
            return _matches_hash(self.names, name)
        return ssh_config.matches(self.names.lower().split(","), name)

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}"


def known(target: Target) -> list[Entry]:
    """Everything recorded for a server, whatever the marker."""
    name = lookup_name(target)
    return [entry for entry in _entries(target.known_hosts) if entry.applies_to(name)]


def lookup_name(target: Target) -> str:
    """The name under which a server's key is recorded."""
    if target.host_key_alias:
        return target.host_key_alias.lower()
    host = target.hostname.lower()
    return host if target.port == 22 else f"[{host}]:{target.port}"


def key_types(target: Target) -> list[str]:
    """Types of the keys that are recorded for a server, for it to be asked for one of them."""
    return [entry.key_type for entry in known(target) if not entry.marker]


def verify(target: Target, key: paramiko.PKey) -> None:
    """Raises HostKeyError unless that key is recorded for that server and not revoked."""
    offered = key.asbytes()
    entries = known(target)
    for entry in entries:
        if entry.marker == "@revoked" and entry.key == offered:
            raise HostKeyError(
                f"the host key of {target.label} is marked as revoked in {entry.place}",
                "do not connect: that key has been withdrawn by whoever keeps the file",
            )
    trusted = [entry for entry in entries if not entry.marker]
    if any(entry.key == offered for entry in [*trusted, *_recorded_without_port(target)]):
        return
    raise _changed(target, key, trusted) if trusted else _unknown(target, key)


def fingerprint(key: paramiko.PKey) -> str:
    """As ``ssh-keygen -l`` shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


@contextmanager
def remedies(target: Target) -> Iterator[None]:
    """Let what ssh says of a host key be followed by the commands that mend it."""
    try:
        yield
    except HostKeyError as problem:
        hop = _concerned(target, problem.message)
        trusted = [entry for entry in known(hop) if not entry.marker]
        mend = _if_reinstalled(hop, trusted[0]) if trusted else _if_it_is_the_one(hop)
        hint = problem.hint if "revoked" in problem.message else mend
        raise HostKeyError(problem.message, hint) from None


def _concerned(target: Target, message: str) -> Target:
    """The server on the way that a message names, or whose record it names."""
    for hop in target.hops():
        places = [entry.place for entry in known(hop)]
        if any(name in message for name in [f" {lookup_name(hop)} ", *places]):
            return hop
    return target


def _unknown(target: Target, key: paramiko.PKey) -> HostKeyError:
    return HostKeyError(
        f"the host key of {target.label} is not known yet: {key.get_name()} {fingerprint(key)}",
        _if_it_is_the_one(target),
    )


def _changed(target: Target, key: paramiko.PKey, recorded: list[Entry]) -> HostKeyError:
    entry = next((one for one in recorded if one.key_type == key.get_name()), recorded[0])
    return HostKeyError(
        f"the host key of {target.label} has CHANGED: it shows {key.get_name()} "
        f"{fingerprint(key)}, which is not the key recorded in {entry.place}",
        _if_reinstalled(target, entry),
    )


def _if_it_is_the_one(target: Target) -> str:
    return (
        "if that is what `ssh-keygen -lf` shows for /etc/ssh/ssh_host_*_key.pub on the device, "
        f"accept it with: {accept_command(target)}"
    )


def _if_reinstalled(target: Target, entry: Entry) -> str:
    return (
        "if the device was not installed anew, somebody may be listening in: do not go on. "
        f"If it was: {_forget_command(target, entry)}, then {accept_command(target)}"
    )


def accept_command(target: Target) -> str:
    """The command that asks whether to record a server's key where latkit looks for it."""
    file = target.known_hosts[0]
    settings = {"StrictHostKeyChecking": "ask", "UserKnownHostsFile": ssh_config.quoted(file)}
    settings |= {key: value for key, value in _IN_THE_WAY.items() if target.options.says(key)}
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    *login, host = replace(target.login, known_hosts=None).command
    made = "" if file.parent.is_dir() else f"{shlex.join(['mkdir', '-p', str(file.parent)])} && "
    return made + shlex.join([*login, *options, host, "true"])


def _forget_command(target: Target, entry: Entry) -> str:
    forget = shlex.join(["ssh-keygen", "-f", str(entry.file), "-R", lookup_name(target)])
    return forget if os.access(entry.file.parent, os.W_OK) else f"sudo {forget}"


def _recorded_without_port(target: Target) -> list[Entry]:
    """As OpenSSH does, a key recorded for the bare host also vouches for its other ports."""
    if target.port == 22 or target.host_key_alias:
        return []
    host = target.hostname.lower()
    entries = _entries(target.known_hosts)
    return [entry for entry in entries if not entry.marker and entry.applies_to(host)]


def _entries(files: Iterable[Path]) -> Iterator[Entry]:
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines, start=1):
            entry = _parse(file, number, line)
            if entry is not None:
                yield entry


def _parse(file: Path, number: int, line: str) -> Entry | None:
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#"):
        return None
    try:
        key = base64.b64decode(fields[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    return Entry(file, number, marker, fields[0], fields[1], key)


def _matches_hash(names: str, name: str) -> bool:
    try:
        _, version, salt, digest = names.split("|")
        expected = base64.b64decode(digest, validate=True)
        computed = hmac.new(base64.b64decode(salt, validate=True), name.encode(), hashlib.sha1)
    except (ValueError, binascii.Error):
        return False
    return version == "1" and hmac.compare_digest(computed.digest(), expected)
