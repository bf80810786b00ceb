"""Connecting to an SSH server, through jump hosts where need be."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

import paramiko

from latkit.devices import ssh_config
from latkit.devices.transport import known_hosts
from latkit.devices.transport.link_errors import PeerBeyondParamiko
from latkit.devices.transport.ssh_algorithms import disabled
from latkit.devices.transport.ssh_auth import AUTH_TIMEOUT_S, authenticate
from latkit.devices.transport.ssh_channel import orderly
from latkit.devices.transport.ssh_target import Target
from latkit.errors import DeviceUnreachable

# A link that died in silence is noticed after both: the keepalive brings something to send,
# and TCP gives up when that is not acknowledged.
KEEPALIVE_S = 10
UNACKNOWLEDGED_LIMIT_S = 15.0
# Linux alone has it; elsewhere TCP's own, longer, limit holds.
_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)

_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}

# Without a handler of its own, its tracebacks would end up on the user's terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def connect(target: Target, held: ExitStack) -> paramiko.Transport:
    """A logged-in connection to the target; ``held`` closes it and those that it runs through.

    Raises DeviceUnreachable or HostKeyError.
    """
    transport = None
    for hop in target.hops():
        stream = _dial(hop) if transport is None else _tunnel(transport, hop)
        held.callback(stream.close)
        transport = _handshake(stream, hop)
        held.callback(transport.close)
        known_hosts.verify(hop, transport.get_remote_server_key())
        authenticate(transport, hop)
        transport.set_keepalive(KEEPALIVE_S)
    assert transport is not None
    return transport


def _dial(hop: Target) -> socket.socket:
    try:
        stream = _connected(hop)
    except (OSError, UnicodeError) as problem:
        raise _no_connection(hop, problem) from None
    if _TCP_USER_TIMEOUT is not None:
        limit_ms = int(UNACKNOWLEDGED_LIMIT_S * 1000)
        stream.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, limit_ms)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def _connected(hop: Target) -> socket.socket:
    bound = hop.options.one("bindaddress")
    source = (bound, 0) if bound else None
    *others, last = _addresses(hop)
    for address in others:
        with suppress(OSError):
            return socket.create_connection((address, hop.port), hop.connect_timeout_s, source)
    return socket.create_connection((last, hop.port), hop.connect_timeout_s, source)


def _addresses(hop: Target) -> list[str]:
    """Those of the family that the configuration names; without one, the host's name."""
    family = _FAMILIES.get(hop.options.one("addressfamily") or "")
    if family is None:
        return [hop.hostname]
    found = socket.getaddrinfo(hop.hostname, hop.port, family, socket.SOCK_STREAM)
    return [socket.getnameinfo(address, socket.NI_NUMERICHOST)[0] for *_, address in found]


def _no_connection(hop: Target, problem: Exception) -> DeviceUnreachable:
    where = f"{hop.hostname}, port {hop.port}"
    if isinstance(problem, (socket.gaierror, UnicodeError)):
        return DeviceUnreachable(
            f"no address is known for the host {hop.hostname!r}",
            f"is it spelled right? give HostName under `Host {hop.alias}` in {ssh_config.shown()}, "
            "or `host` in the device's profile",
        )
    if isinstance(problem, ConnectionRefusedError):
        return DeviceUnreachable(
            f"{where}: connection refused",
            "the computer is there, but no SSH server listens: is sshd running, is the port right?",
        )
    if isinstance(problem, TimeoutError):
        return DeviceUnreachable(
            f"{where}: no answer within {hop.connect_timeout_s:g} s",
            "is the device switched on, booted and in this network?",
        )
    reason = problem.strerror if isinstance(problem, OSError) else None
    return DeviceUnreachable(
        f"{where}: {reason or problem}", "are this computer and the device in the same network?"
    )


def _tunnel(jump: paramiko.Transport, hop: Target) -> paramiko.Channel:
    assert hop.via is not None
    try:
        tunnel = jump.open_channel(
            "direct-tcpip",
            (hop.hostname, hop.port),
            ("127.0.0.1", 0),
            timeout=hop.connect_timeout_s,
        )
        return orderly(tunnel)
    except (paramiko.SSHException, EOFError, OSError) as problem:
        reason = problem.text if isinstance(problem, paramiko.ChannelException) else problem
        raise DeviceUnreachable(
            f"{hop.hostname}, port {hop.port} cannot be reached from the jump host "
            f"{hop.via.label}: {reason}",
            "can the jump host reach the device, and does its sshd allow it (AllowTcpForwarding)?",
        ) from None


def _handshake(stream: socket.socket | paramiko.Channel, hop: Target) -> paramiko.Transport:
    transport = paramiko.Transport(stream, disabled_algorithms=disabled(hop.options))
    transport.banner_timeout = hop.connect_timeout_s
    transport.handshake_timeout = hop.connect_timeout_s
    transport.channel_timeout = hop.connect_timeout_s
    transport.auth_timeout = AUTH_TIMEOUT_S
    _prefer(transport, known_hosts.key_types(hop))
    started = time.monotonic()
    try:
        transport.start_client(timeout=2 * hop.connect_timeout_s)
        # Past its limit start_client returns without a word; this then raises.
        transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as problem:
        transport.close()
        raise _no_handshake(hop, problem, time.monotonic() - started) from None
    return transport


def _prefer(transport: paramiko.Transport, recorded: Sequence[str]) -> None:
    """Ask for a host key of a type that is recorded: one of another type proves nothing."""
    options = transport.get_security_options()
    wanted = {"rsa" if "rsa" in one else one for one in recorded}
    options.key_types = sorted(
        options.key_types, key=lambda one: ("rsa" if "rsa" in one else one) not in wanted
    )


def _no_handshake(hop: Target, problem: Exception, waited_s: float) -> DeviceUnreachable:
    where = f"{hop.hostname}, port {hop.port}"
    if isinstance(problem, paramiko.ssh_exception.IncompatiblePeer):
        return PeerBeyondParamiko(
            f"{where}: no encryption that both sides know: {problem}",
            "install OpenSSH's client on this computer, which may know it: apt-get install "
            "openssh-client",
        )
    if waited_s >= hop.connect_timeout_s:
        return DeviceUnreachable(
            f"{where}: connected, but no SSH server answered within {hop.connect_timeout_s:g} s",
            f"is the device overloaded or still booting? ConnectTimeout in {ssh_config.shown()}, "
            "or connect_timeout_s in its profile, gives it longer",
        )
    return DeviceUnreachable(
        f"{where}: connected, but it does not speak SSH, or hung up: {str(problem) or 'closed'}",
        "is that the port of its SSH server? if it is, its log says why it hung up",
    )
