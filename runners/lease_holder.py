"""Holds the lease of this computer for as long as its standard input stays alive.

    python3 lease_holder.py NAME HOLDER WAIT_S SILENCE_S

The lease is a Unix socket in the abstract namespace: it belongs to the machine and not to a
file system (home directories may be shared between boards), works between users, and vanishes
with this process however that ends. Whoever finds it taken may connect and reads HOLDER.

Prints one JSON line: ``{"state": "held"}``, ``{"state": "busy", "holder": ...}`` or
``{"state": "failed", "reason": ...}``. Then lives until its standard input closes, or brings
no byte for SILENCE_S seconds: a link that died without a word must not hold a board for hours.
"""

from __future__ import annotations

if __name__ == "__main__":
    import isolation  # noqa: F401

import errno
import json
import os
import select
import socket
import sys
import time

MAX_WATCHERS = 64
MAX_ANSWER_BYTES = 4096
ANSWER_TIMEOUT_S = 2.0


def main(name: str, holder: str, wait_s: float, silence_s: float) -> None:
    try:
        lease = acquire("\0" + name, time.monotonic() + wait_s)
    except OSError as problem:
        say({"state": "failed", "reason": str(problem)})
        return
    if lease is not None:
        say({"state": "held"})
        hold(lease, holder.encode("utf-8"), silence_s)


def say(answer: dict[str, str]) -> None:
    print(json.dumps(answer), flush=True)


def acquire(address: str, deadline: float) -> socket.socket | None:
    """The bound socket; None after having said who holds it, or once nobody asks any more."""
    while True:
        lease = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lease.bind(address)
            lease.listen(MAX_WATCHERS)
            return lease
        except OSError as problem:
            lease.close()
            if problem.errno != errno.EADDRINUSE:
                raise
        if not worth_another_try(address, deadline):
            return None


def worth_another_try(address: str, deadline: float) -> bool:
    """Wait for the holder's end, which is seen as the end of the connection to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as watcher:
        holder = ask(watcher, address)
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            say({"state": "busy", "holder": holder})
            return False
        # One that does not answer cannot be watched, so that it is asked again soon.
        sources = [watcher.fileno(), 0] if holder else [0]
        ready = select.select(sources, [], [], remaining if holder else min(remaining, 0.2))[0]
        return not (0 in ready and not os.read(0, 1024))


def ask(watcher: socket.socket, address: str) -> str:
    watcher.settimeout(ANSWER_TIMEOUT_S)
    try:
        watcher.connect(address)
        return watcher.recv(MAX_ANSWER_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def hold(lease: socket.socket, holder: bytes, silence_s: float) -> None:
    watchers: list[socket.socket] = []
    ends_at = time.monotonic() + silence_s
    while time.monotonic() < ends_at:
        sources: list[socket.socket | int] = [lease, 0, *watchers]
        ready = select.select(sources, [], [], max(0.0, ends_at - time.monotonic()))[0]
        if 0 in ready:
            if not os.read(0, 1024):
                return
            ends_at = time.monotonic() + silence_s
        for watcher in [one for one in watchers if one in ready]:
            watchers.remove(watcher)
            watcher.close()
        if lease in ready:
            answer(lease.accept()[0], holder, watchers)


def answer(watcher: socket.socket, holder: bytes, watchers: list[socket.socket]) -> None:
    """Say who holds the lease, and keep the connection so that its end can be noticed."""
    watcher.settimeout(ANSWER_TIMEOUT_S)
    try:
        watcher.sendall(holder)
    except OSError:
        watcher.close()
        return
    if len(watchers) < MAX_WATCHERS:
        watchers.append(watcher)
    else:
        watcher.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
