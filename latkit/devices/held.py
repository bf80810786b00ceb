"""A program on a device that holds something there for as long as it hears from this process.

It says one JSON line once it holds it, ends with its standard input, and ends too where no byte
came for a while: a link may die without a word.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from latkit.devices.transport.base import Transport
from latkit.errors import LatkitError, RemoteCommandError

HEARTBEAT_S = 10.0
SILENCE_LIMIT_S = 60.0
_HEART_STOP_S = 1.0
_MAX_ANSWER_BYTES = 256 * 1024
_END = b"end"
Answer = TypeVar("Answer", bound=BaseModel)


class Held:
    """Context manager around such a program; leaving it ends the program.

    Args:
        transport: connected to the device.
        words: the command; ``SILENCE_LIMIT_S`` should be among them.
        task: what cannot be done where the program fails, e.g. ``leased``.
    """

    def __init__(self, transport: Transport, words: Sequence[str], task: str) -> None:
        self._where = transport.description
        self._task = task
        self._process = transport.spawn(words)
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Held:
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_heart()
        self._process.close()

    def answer(self, kind: type[Answer], timeout_s: float) -> Answer:
        """What it says next; raises RemoteCommandError where that is nothing of the kind."""
        try:
            line = self._process.receive(timeout_s, _MAX_ANSWER_BYTES)
        except TimeoutError:
            raise self._broken(f"gave no answer within {timeout_s:g} s") from None
        if line is None:
            raise self._broken("ended without an answer")
        try:
            return kind.model_validate_json(line)
        except ValidationError:
            raise self._broken(f"answered {line[:80]!r}") from None

    def last_word(self, timeout_s: float) -> bytes | None:
        """None where it is silent for so long, as it is while it holds; b"" where it has ended.

        Raises DeviceUnreachable where the link died.
        """
        try:
            return self._process.receive(timeout_s, _MAX_ANSWER_BYTES) or b""
        except TimeoutError:
            return None

    def end(self, kind: type[Answer], timeout_s: float) -> Answer:
        """Ask it to end; what it says to that."""
        self._stop_heart()
        self._process.send(_END)
        return self.answer(kind, timeout_s)

    def _broken(self, what: str) -> RemoteCommandError:
        self._process.close()  # its last words are known once it has ended
        last = self._process.stderr_tail().strip()[-300:]
        return RemoteCommandError(
            f"{self._where} cannot be {self._task}: the program there {what}"
            + (f": {last}" if last else ""),
            "is Python 3.8 or newer there? `latkit device check` tells",
        )

    def _stop_heart(self) -> None:
        self._ended.set()
        self._heart.join(_HEART_STOP_S)

    def _beat(self) -> None:
        # What is not held any more is noticed by last_word(), or by the next use of the link.
        with suppress(LatkitError):
            while not self._ended.wait(HEARTBEAT_S):
                self._process.send(b"")
