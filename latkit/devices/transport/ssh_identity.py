"""Which key a file is about, without asking for its passphrase; and the keys of an agent."""

from __future__ import annotations

import base64
import os
import socket
import stat
from pathlib import Path

import paramiko
from paramiko.agent import AgentSSH

_OPENSSH_MAGIC = b"openssh-key-v1\0"
_AGENT_LIMIT_S = 10.0
_MAX_BYTES = 64 * 1024


def agent_keys(path: Path | None) -> tuple[paramiko.AgentKey, ...]:
    """The keys of the agent that listens at a socket; none where nobody answers."""
    if path is None:
        return ()
    agent = AgentSSH()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_AGENT_LIMIT_S)
        connection.connect(str(path))
        # paramiko's own Agent knows but the socket of SSH_AUTH_SOCK.
        agent._connect(connection)
        connection.settimeout(None)  # whoever must touch a token to sign takes their time
    except (OSError, paramiko.SSHException):
        connection.close()
        return ()
    keys: tuple[paramiko.AgentKey, ...] = agent.get_keys()
    return keys


def public_blob(file: Path) -> bytes | None:
    """The public half of a key file: the file itself, what stands beside it, or its head.

    The head of a private key is never encrypted. None where nothing of that is there.
    """
    beside = file.with_name(file.name + ".pub")
    return _blob_of_public_key(file) or _blob_of_public_key(beside) or _blob_of_private_key(file)


def key_type(blob: bytes) -> str:
    """As ``ssh-ed25519``; empty where that is no key."""
    try:
        return str(paramiko.Message(blob).get_text())
    except UnicodeDecodeError:
        return ""


def is_public(file: Path) -> bool:
    """Whether a file is a public key, which only an agent has the other half of."""
    return _blob_of_public_key(file) is not None


def is_open_to_others(file: Path) -> bool:
    """Whether a key file of this user's is one that ssh leaves alone, for others may read it."""
    try:
        found = file.stat()
    except OSError:
        return False
    return found.st_uid == os.getuid() and bool(found.st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _text(file: Path) -> str:
    if not file.is_file():  # a pipe would keep us waiting
        raise FileNotFoundError(file)
    with file.open(encoding="utf-8") as source:
        return source.read(_MAX_BYTES)


def _blob_of_public_key(file: Path) -> bytes | None:
    try:
        name, encoded = _text(file).split(maxsplit=2)[:2]
        blob = base64.b64decode(encoded, validate=True)
    except (OSError, ValueError):
        return None
    return blob if key_type(blob) == name else None


def _blob_of_private_key(file: Path) -> bytes | None:
    try:
        body = "".join(line for line in _text(file).splitlines() if "-----" not in line)
        content = base64.b64decode(body)
    except (OSError, ValueError):
        return None
    if not content.startswith(_OPENSSH_MAGIC):
        return None
    message = paramiko.Message(content[len(_OPENSSH_MAGIC) :])
    for _ in ("cipher", "key derivation", "its options"):
        message.get_string()
    message.get_int()
    return bytes(message.get_string())
