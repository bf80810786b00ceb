"""A command that a login shell starts, over whatever leads to that shell."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

from latkit.devices.transport.last_words import last_words
from latkit.devices.transport.login_shell import (
    GO,
    QUESTION,
    Order,
    advice,
    status,
    usurper,
)
from latkit.devices.transport.marked import Marked
from latkit.devices.transport.streams import Drain, Kept, Streams
from latkit.devices.transport.time_limit import TimeLimit
from latkit.errors import LatkitError, RemoteCommandError

_NOISE_LIMIT_BYTES = 64 * 1024
_QUIET_S = 0.3
_DOUBT_S = 3.0
_PATIENCE_S = 2.0


class ShellSession(Streams):
    """A session in which a login shell was given a line; the shell's own streams and end."""

    @abstractmethod
    def refusal(self, said: str) -> LatkitError | None:
        """Why no shell was reached at all, if that is so, going by what was said instead."""


class ShellStreams(Streams):
    """The command itself, once it is known to run.

    Args:
        session: whose login shell was given ``order.line``.
        login_command: the ssh command that reaches the same place, for hints.
        start_timeout_s: how long the login shell may take.
        end_group: kills a process group there.
        again: gives the same order to another login shell.

    Raises DeviceUnreachable, SessionRefused, or RemoteCommandError where the login shell does not
    start it.
    """

    def __init__(
        self,
        session: ShellSession,
        order: Order,
        *,
        where: str,
        login_command: Sequence[str],
        start_timeout_s: float,
        end_group: Callable[[str], None],
        again: Callable[[], ShellSession],
    ) -> None:
        self.label = session.label
        self._session = session
        self._where = where
        self._login_command = login_command
        self._end_group = end_group
        self._again = again
        self._asked = False
        self._end = Marked(order.end)
        self._output_end = Marked(order.end)
        self._no_more_stderr = threading.Event()
        self._ahead = b""
        try:
            self._group = self._begin(f"{order.begin} ".encode(), TimeLimit(start_timeout_s))
        except BaseException:
            session.kill()
            session.close()
            raise

    def write_some(self, content: bytes | memoryview, timeout_s: float) -> int:
        return self._session.write_some(content, timeout_s)

    def close_stdin(self) -> None:
        self._session.close_stdin()

    def read_stdout(self, timeout_s: float) -> bytes:
        limit = TimeLimit(timeout_s)
        while self._output_end.value is None:
            chunk = self._ahead or self._session.read_stdout(limit.left_s())
            self._ahead = b""
            passed_on = self._output_end.before(chunk) if chunk else self._output_end.rest()
            if passed_on or not chunk:
                return passed_on
        return b""

    def read_stderr(self) -> bytes:
        while chunk := self._session.read_stderr():
            passed_on = self._end.before(chunk)
            if self._end.value is not None:
                self._no_more_stderr.set()
            if passed_on:
                return passed_on
        return self._end.rest()

    def close_stderr(self) -> None:
        self._no_more_stderr.set()
        self._session.close_stderr()

    def wait(self, timeout_s: float) -> bool:
        limit = TimeLimit(timeout_s)
        if not self._no_more_stderr.wait(timeout_s):
            return False
        return self._end.value is not None or self._session.wait(limit.left_s())

    def returncode(self) -> int:
        if self._end.value is not None:
            return status(self._end.value)
        return self._session.returncode()

    def kill(self) -> None:
        if not self.wait(0.0):
            self._end_group(self._group)
        self._session.kill()

    def close(self) -> None:
        self._session.close()

    def _begin(self, mark: bytes, limit: TimeLimit) -> str:
        """Read what start-up files print, let the command start, and return its group."""
        noise = b""
        self._say(QUESTION)
        while True:
            before, found, after = noise.partition(mark)
            if found and b"\n" in after:
                group, _, self._ahead = after.partition(b"\n")
                self._say(GO)
                return group.decode("ascii", "replace").strip()
            if len(before) > _NOISE_LIMIT_BYTES:
                raise self._not_started("its start-up files print without end")
            noise += self._heard(noise, mark, limit)

    def _heard(self, noise: bytes, mark: bytes, limit: TimeLimit) -> bytes:
        """Some more; raises where that shows that nothing will start."""
        left_s = limit.left_s()
        try:
            chunk = self._session.read_stdout(left_s if self._asked else min(left_s, _DOUBT_S))
        except TimeoutError:
            return self._silence(noise, mark, limit)
        if not chunk:
            raise self._ended(noise)
        if (name := usurper(noise + chunk)) is not None:
            raise self._usurped(name)
        return chunk

    def _silence(self, noise: bytes, mark: bytes, limit: TimeLimit) -> bytes:
        if not self._asked:
            self._asked = True
            return self._ask_aside(mark)
        if limit.left_s():
            return b""
        words = self._last_words(noise)
        raise self._not_started(
            f"no answer within {limit.timeout_s:g} s" + (f"; it said: {words}" if words else "")
        )

    def _ask_aside(self, mark: bytes) -> bytes:
        """Look at a session whose input has ended: what reads all of it first goes on there."""
        said = self._said_aside(mark)
        if (name := usurper(said)) is not None:
            raise self._usurped(name)
        with suppress(TimeoutError):
            return self._session.read_stdout(_QUIET_S)
        if mark in said:
            raise self._not_started("its start-up files read the standard input to its end")
        return b""

    def _said_aside(self, mark: bytes) -> bytes:
        said, limit = b"", TimeLimit(_PATIENCE_S)
        with suppress(TimeoutError, OSError, LatkitError), closing(self._again()) as session:
            session.write(QUESTION, _PATIENCE_S)
            session.close_stdin()
            while chunk := session.read_stdout(limit.left_s()):
                said += chunk
                if mark in said or usurper(said) or len(said) > _NOISE_LIMIT_BYTES:
                    break
            session.kill()
        return said

    def _say(self, words: bytes) -> None:
        with suppress(BrokenPipeError, TimeoutError):
            self._session.write(words, _PATIENCE_S)

    def _usurped(self, name: str) -> LatkitError:
        return RemoteCommandError(
            f"on {self._where} the login shell hands over to {name}, which ignores the command "
            "that it was given",
            f"if ~/.bashrc or the like has `exec {name}`, let it do so for terminals only: "
            f"case $- in *i*) exec {name};; esac",
        )

    def _ended(self, noise: bytes) -> LatkitError:
        words = self._last_words(noise)
        reason = self._session.refusal(words)
        if reason is not None:
            return reason
        ended = self._session.wait(_PATIENCE_S)
        code = f" with status {self._session.returncode()}" if ended else ""
        return self._not_started(words or f"it ends at once{code} and says nothing")

    def _last_words(self, said: bytes) -> str:
        errors = Drain(self._session, Kept(_NOISE_LIMIT_BYTES, tail=True))
        errors.settle(_QUIET_S, _PATIENCE_S)
        errors.stop()
        return last_words(f"{said.decode('utf-8', 'replace')}\n{errors.text()}")

    def _not_started(self, reason: str) -> LatkitError:
        return RemoteCommandError(
            f"the login shell of {self._where} starts no command: {reason}",
            advice(reason, self._login_command),
        )
