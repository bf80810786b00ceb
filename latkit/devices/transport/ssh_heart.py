"""Whether the server at the other end still answers.

TCP tells of a link that died, but not of a server that hangs: the kernel there goes on to
acknowledge, and whoever writes to it may wait without end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import paramiko

BEAT_S = 10.0
ANSWER_LIMIT_S = 30.0


@contextmanager
def heart(transport: paramiko.Transport) -> Iterator[threading.Event]:
    """Meanwhile, end the connection where its server does not answer any more, and say so."""
    ended, silent = threading.Event(), threading.Event()
    threading.Thread(target=_watch, args=(transport, ended, silent), daemon=True).start()
    try:
        yield silent
    finally:
        ended.set()


def _watch(transport: paramiko.Transport, ended: threading.Event, silent: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        # In a thread of its own: writing may itself be what does not end.
        beat = threading.Thread(target=_beat, args=(transport,), daemon=True)
        beat.start()
        beat.join(ANSWER_LIMIT_S)
        if beat.is_alive():
            silent.set()
            transport.close()
            return


def _beat(transport: paramiko.Transport) -> None:
    # One that has ended, or is busy with new keys, does not hang.
    with suppress(paramiko.SSHException, EOFError, OSError):
        transport.global_request("keepalive@openssh.com", wait=True)
