"""What the ``ssh`` program says where it does not connect, as one message."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from latkit.devices import ssh_config
from latkit.devices.transport.last_words import last_words
from latkit.errors import DeviceUnreachable, HostKeyError

_OFFENDING = re.compile(r"Offending (\S+) key in (.+):(\d+)")
_OFFERED = re.compile(r"fingerprint for the (\S+) key sent by the remote host is\s+(\S+?)\.?\s")
_ADVICE = (
    ("Permission denied", "check the user name, and that a key without a passphrase, or one that "
     "the agent has, is allowed there"),
    ("Could not resolve hostname", "is it spelled right? give HostName in {config}, or `host` "
     "in the device's profile"),
    ("Connection refused", "no SSH server listens there: is sshd running, is the port right?"),
    ("timed out", "is the device switched on, booted and in this network?"),
    ("No route to host", "are this computer and the device in the same network?"),
    ("no matching", "this computer's OpenSSH and the device's have no method in common: update the "
     "older one"),
    ("onfiguration option", "mend that line of your ssh configuration"),
)  # fmt: skip


def of(said: str, label: str, login_command: Sequence[str]) -> DeviceUnreachable:
    """The failure that ssh's own words tell of."""
    if "REVOKED HOST KEY" in said or "revoked" in said:
        return HostKeyError(
            f"the host key of {label} is marked as revoked: {last_words(said)}",
            "do not connect: that key has been withdrawn by whoever keeps the file",
        )
    if "IDENTIFICATION HAS CHANGED" in said:
        return _changed(said, label, login_command)
    if "Host key verification failed" in said or "host key is known" in said:
        return _unknown(said, label, login_command)
    words = last_words(said) or "nothing"
    return DeviceUnreachable(f"{label}: ssh ends and says: {words}", _advice(said, login_command))


def silence(
    said: str, label: str, waited_s: float, login_command: Sequence[str]
) -> DeviceUnreachable:
    """The failure of a login that does not come to an end."""
    words = last_words(said)
    return DeviceUnreachable(
        f"{label}: ssh was not logged in after {waited_s:g} s" + (f": {words}" if words else ""),
        f"is the device overloaded or still booting? this tells more: {_more(login_command)}",
    )


def _unknown(said: str, label: str, login_command: Sequence[str]) -> HostKeyError:
    return HostKeyError(
        f"the host key of {label} is not known, or no authority vouches for it: {last_words(said)}",
        "compare what this shows with `ssh-keygen -lf` of /etc/ssh/ssh_host_*_key.pub on the "
        f"device, and accept it: {_asking(login_command)}",
    )


def _changed(said: str, label: str, login_command: Sequence[str]) -> HostKeyError:
    offered, recorded = _OFFERED.search(said), _OFFENDING.search(said)
    shown = f"it shows {offered[1]} {offered[2]}, " if offered else ""
    place = f"{recorded[2]}, line {recorded[3]}" if recorded else "known_hosts"
    return HostKeyError(
        f"the host key of {label} has CHANGED: {shown}which is not the key recorded in {place}",
        "if the device was not installed anew, somebody may be listening in: do not go on. "
        f"If it was: remove that line, then {_asking(login_command)}",
    )


def _asking(login_command: Sequence[str]) -> str:
    *login, host = login_command
    return shlex.join([*login, "-o", "StrictHostKeyChecking=ask", host, "true"])


def _more(login_command: Sequence[str]) -> str:
    *login, host = login_command
    return shlex.join([*login, "-v", host, "true"])


def _advice(said: str, login_command: Sequence[str]) -> str:
    for words, advice in _ADVICE:
        if words in said:
            return advice.format(config=ssh_config.shown())
    return f"this tells more: {_more(login_command)}"
