"""Why paramiko cannot go where OpenSSH goes: one function a reason."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from latkit.devices.transport import known_hosts
from latkit.devices.transport.ssh_algorithms import nothing_left
from latkit.devices.transport.ssh_identity import agent_keys, key_type, public_blob
from latkit.devices.transport.ssh_target import Target


def obstacle(target: Target) -> str | None:
    """What paramiko cannot do on the way to a server; None where it can go."""
    for hop in target.hops():
        for reason in _REASONS:
            if found := reason(hop):
                return found if hop is target else f"for the jump host {hop.alias}, {found}"
    return None


def _proxy_command(hop: Target) -> str | None:
    command = hop.options.one("proxycommand")
    return f"the connection is made by `ProxyCommand {command}`" if command else None


def _certificate(hop: Target) -> str | None:
    beside = [
        file.with_name(file.name + end) for file in hop.identity_files for end in ("-cert", _CERT)
    ]
    found = [file for file in (*hop.certificate_files, *beside) if os.access(file, os.F_OK)]
    return f"the login is by the certificate {found[0]}" if found else None


def _certificate_authority(hop: Target) -> str | None:
    for entry in known_hosts.known(hop):
        if entry.marker == "@cert-authority":
            return f"the host key is vouched for by an authority ({entry.place})"
    return None


def _other_host_key_check(hop: Target) -> str | None:
    for keyword in ("KnownHostsCommand", "RevokedHostKeys"):
        if hop.options.one(keyword.lower()):
            return f"the host key is checked with {keyword}"
    return "the host key is looked up by VerifyHostKeyDNS" if hop.options.yes(_DNS) else None


def _security_key(hop: Target) -> str | None:
    for file in hop.identity_files:
        if key_type(public_blob(file) or b"").startswith("sk-"):
            return f"the key {file} is on a FIDO token"
    return None


def _agent_key(hop: Target) -> str | None:
    """Certificates and FIDO keys of the agent, where they would be offered."""
    named = {public_blob(file) for file in hop.identity_files}
    for key in agent_keys(hop.agent):
        special = key.name.startswith("sk-") or "-cert-" in key.name
        if special and (not hop.identities_only or key.blob in named):
            return f"the agent has a key of type {key.name}"
    return None


def _token_of_keys(hop: Target) -> str | None:
    provider = hop.options.one("pkcs11provider")
    return f"the keys are those of the PKCS11Provider {provider}" if provider else None


def _without_keys(hop: Target) -> str | None:
    methods = hop.options.listed("preferredauthentications")
    if hop.options.no("pubkeyauthentication") or (methods and "publickey" not in methods):
        return "the login is not by public keys"
    return "the login is by HostbasedAuthentication" if hop.options.yes(_HOST_BASED) else None


def _kerberos(hop: Target) -> str | None:
    if hop.options.yes("gssapiauthentication") and _has_ticket():
        return "the login may be by a Kerberos ticket (GSSAPIAuthentication)"
    return None


def _has_ticket() -> bool:
    try:
        asked = subprocess.run(["klist", "-s"], capture_output=True, timeout=_KLIST_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _algorithms(hop: Target) -> str | None:
    keyword = nothing_left(hop.options)
    return f"{keyword} allows only what paramiko lacks" if keyword else None


def _interface(hop: Target) -> str | None:
    name = hop.options.one("bindinterface")
    return f"the connection is bound to the interface {name}" if name else None


def _token(hop: Target) -> str | None:
    for file in (*hop.identity_files, *hop.certificate_files, hop.agent or Path()):
        if "%C" in str(file) or "%j" in str(file):
            return f"only ssh can tell what file {file} is"
    return None


_KLIST_LIMIT_S = 5.0
_CERT = "-cert.pub"
_DNS = "verifyhostkeydns"
_HOST_BASED = "hostbasedauthentication"
_REASONS: tuple[Callable[[Target], str | None], ...] = (
    _proxy_command,
    _certificate,
    _certificate_authority,
    _other_host_key_check,
    _security_key,
    _agent_key,
    _token_of_keys,
    _without_keys,
    _kerberos,
    _algorithms,
    _interface,
    _token,
)
