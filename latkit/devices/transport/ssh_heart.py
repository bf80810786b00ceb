"""Whether the server at the other end still answers.

TCP tells of a link that died, but not of a server that hangs: the kernel there goes on to
acknowledge, and whoever writes to it may wait without end.
"""

from __future__ import annotations

import threading
from types import TracebackType

import paramiko

BEAT_S = 10.0
ANSWER_LIMIT_S = 30.0


class Heart:
    """Context manager that ends a connection whose server does not answer any more."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(BEAT_S):
            # In a thread of its own: writing may itself be what does not end.
            beat = threading.Thread(target=self._beat, daemon=True)
            beat.start()
            beat.join(ANSWER_LIMIT_S)
            if beat.is_alive():
                self._transport.close()
                return

    def _beat(self) -> None:
        try:
            self._transport.global_request("keepalive@openssh.com", wait=True)
        except (paramiko.SSHException, EOFError, OSError):
            return  # it has ended, or is busy with new keys
