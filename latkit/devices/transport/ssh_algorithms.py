"""Which algorithms the ssh configuration allows of those that paramiko has."""

from __future__ import annotations

import paramiko

from latkit.devices.transport.ssh_options import Options

_OURS = paramiko.transport.SecurityOptions(paramiko.Transport)
_KINDS = {
    "KexAlgorithms": ("kex", _OURS.kex),
    "Ciphers": ("ciphers", _OURS.ciphers),
    "MACs": ("macs", _OURS.digests),
    "HostKeyAlgorithms": ("keys", _OURS.key_types),
    "PubkeyAcceptedAlgorithms": ("pubkeys", _OURS.key_types),
}
"""By keyword: paramiko's word for that kind, and what it has of it."""


def disabled(options: Options) -> dict[str, list[str]]:
    """What paramiko must not use, by its word for the kind."""
    return {
        kind: [one for one in ours if one not in allowed]
        for keyword, (kind, ours) in _KINDS.items()
        if (allowed := _allowed(options, keyword))
    }


def nothing_left(options: Options) -> str | None:
    """The keyword whose every algorithm paramiko lacks."""
    lacking = disabled(options)
    for keyword, (kind, ours) in _KINDS.items():
        if len(lacking.get(kind, ())) == len(ours):
            return keyword
    return None


def accepts(options: Options, key_type: str) -> bool:
    """Whether a key of that type may be offered to a server."""
    allowed = _allowed(options, "PubkeyAcceptedAlgorithms")
    variants = ("rsa-sha2-512", "rsa-sha2-256") if key_type == "ssh-rsa" else (key_type,)
    return not allowed or any(variant in allowed for variant in variants)


def _allowed(options: Options, keyword: str) -> list[str]:
    """Empty where nothing is said, or only what to add to or take from ssh's own."""
    listed = options.listed(keyword.lower())
    return [] if listed and listed[0][:1] in "+-^" else listed
