"""Signals that end programs on a device, and what each of them usually means."""

from __future__ import annotations

import re
import signal

_NAMED = re.compile(r"died of (SIG[A-Z0-9]+)")
_STATUS_OF_SIGNAL = 128
USUALLY = {
    "SIGILL": "it was built for a newer processor than this one",
    "SIGSEGV": "it was built for another version of a library that it uses, or is damaged",
    "SIGBUS": "a file of it is damaged, as after a full disk, or there is no shared memory left",
    "SIGABRT": "it came upon something that it cannot work with",
    "SIGFPE": "it computed what this processor cannot",
    "SIGSYS": "a container forbids a system call that it needs",
    "SIGKILL": "the memory did not suffice",
    "SIGXCPU": "a limit on processor time was reached (ulimit -t)",
}


def of_status(status: int) -> str | None:
    """Name of the signal that a shell tells by a command's exit status."""
    number = -status if status < 0 else status - _STATUS_OF_SIGNAL
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


def of_failure(kind: str | None, detail: str | None) -> str | None:
    """Name of the signal that a ``Failed`` of the runners tells of."""
    if kind == "memory":
        return "SIGKILL"
    named = _NAMED.search(detail or "")
    return named.group(1) if named else None


def meaning(name: str) -> str:
    """What it died of, and what that usually means."""
    usually = USUALLY.get(name)
    return f"died of {name}" + (f": {usually}" if usually else "")
