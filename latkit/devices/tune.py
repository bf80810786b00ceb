"""Putting a device into the state that measuring wants, for as long as it is measured.

A program on the device holds the settings and restores them whatever becomes of it, of the link
or of this process; see ``target/tuner.py``.
"""

from __future__ import annotations

import posixpath
import shlex
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from latkit.devices.placed import placed
from latkit.devices.profile import Profile
from latkit.devices.transport import open_transport
from latkit.devices.transport.base import RemoteProcess, Transport
from latkit.errors import LatkitError, RemoteCommandError, RunnerError

HEARTBEAT_S = 10.0
SILENCE_LIMIT_S = 60.0
_ANSWER_TIMEOUT_S = 90.0
_HEART_STOP_S = 1.0
_MAX_ANSWER_BYTES = 256 * 1024
_FILE = "tuned.json"
_BY_HAND = "echo performance | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"

Hold = Literal["held", "left", "free"]


class _Answer(BaseModel):
    """What ``target/tuner.py`` says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Literal["tuned", "restored", "busy", "held", "left", "free"]
    recovered: bool = False
    changed: dict[str, str] = {}
    refused: dict[str, str] = {}
    failed: dict[str, str] = {}


class Tuning:
    """What was changed on a device, and is held.

    Attributes:
        changed: setting to how it changed.
        refused: setting to the reason why it could not be changed.
        recovered: whether something that a killed run had left was put back first.
    """

    def __init__(self, where: str, process: RemoteProcess, answer: _Answer) -> None:
        self.changed: Mapping[str, str] = answer.changed
        self.refused: Mapping[str, str] = answer.refused
        self.recovered = answer.recovered
        self._where = where
        self._process = process

    def wait(self, timeout_s: float) -> None:
        """Wait so long; raises LatkitError where the settings are not held any more."""
        with suppress(TimeoutError):
            self._process.receive(timeout_s, _MAX_ANSWER_BYTES)
            raise RemoteCommandError(
                f"the settings of {self._where} are not held any more", "they were put back there"
            )


@contextmanager
def tuned(profile: Profile, root: str = "/") -> Iterator[Tuning]:
    """Hold a device in the state that measuring wants, over a connection of its own.

    Args:
        profile: the device.
        root: where the kernel's files are there.

    Raises RemoteCommandError where nothing could be changed though something should be, where
    somebody else holds the device so, and where something could not be put back.
    """
    with open_transport(profile) as transport:
        process = transport.spawn(_command(profile, transport, root))
        ended = threading.Event()
        heart = threading.Thread(target=_beat, args=(process, ended), daemon=True)
        try:
            tuning = _held(profile, transport, process)
            heart.start()
            yield tuning
            ended.set()
            heart.join(_HEART_STOP_S)
            _finish(profile, transport, process)
        finally:
            ended.set()
            process.close()


def holding(profile: Profile, transport: Transport, root: str = "/") -> Hold:
    """Whether a device is held so now; ``left``: it was, by a run that was killed."""
    words = [*_words(profile, transport, "status"), root]
    answer = transport.run(words, timeout_s=profile.command_timeout_s)
    state = _parsed(answer.stdout.strip().encode()).state
    if state not in ("held", "left", "free"):
        raise RemoteCommandError(f"{transport.description} said {state!r} when asked for its state")
    return state


def _words(profile: Profile, transport: Transport, task: str) -> list[str]:
    file = placed(transport, profile.remote_dir, "tuner.py")
    kept = posixpath.join(transport.expand(profile.remote_dir), _FILE)
    return [transport.expand(profile.python), file, task, kept]


def _command(profile: Profile, transport: Transport, root: str) -> list[str]:
    return [*_words(profile, transport, "hold"), f"{SILENCE_LIMIT_S:g}", root]


def _beat(process: RemoteProcess, ended: threading.Event) -> None:
    # Settings that are not held any more are noticed by wait(), or at the end.
    with suppress(LatkitError):
        while not ended.wait(HEARTBEAT_S):
            process.send(b"")


def _held(profile: Profile, transport: Transport, process: RemoteProcess) -> Tuning:
    where = transport.description
    answer = _receive(where, process)
    if answer.state == "busy":
        raise RemoteCommandError(
            f"{where} is tuned by somebody else already", "it needs no second one: just measure"
        )
    if answer.state != "tuned":
        raise _not_restored(profile, where, answer.failed)
    if answer.refused and not answer.changed:
        raise RemoteCommandError(
            f"nothing could be changed on {where}: {told(answer.refused)}", by_hand(profile)
        )
    return Tuning(where, process, answer)


def _finish(profile: Profile, transport: Transport, process: RemoteProcess) -> None:
    process.send(b"end")
    answer = _receive(transport.description, process)
    if answer.failed:
        raise _not_restored(profile, transport.description, answer.failed)


def _receive(where: str, process: RemoteProcess) -> _Answer:
    try:
        line = process.receive(_ANSWER_TIMEOUT_S, _MAX_ANSWER_BYTES)
    except TimeoutError:
        line = None
    if line is None:
        process.close()
        said = process.stderr_tail().strip()[-300:] or "no message"
        raise RemoteCommandError(
            f"{where} cannot be tuned: the program there ended with {said}",
            "is Python 3.8 or newer there? `latkit device check` tells",
        )
    return _parsed(line)


def _parsed(line: bytes) -> _Answer:
    try:
        return _Answer.model_validate_json(line)
    except ValidationError:
        raise RunnerError(f"the tuning program answered {line[:80]!r}") from None


def _not_restored(profile: Profile, where: str, failed: Mapping[str, str]) -> RemoteCommandError:
    return RemoteCommandError(
        f"not everything is as it was on {where}: {told(failed)}",
        f"`latkit device tune {profile.name}` tries again; a restart of the device does it too",
    )


def told(reasons: Mapping[str, str]) -> str:
    """Settings with what is to be said of them, on one line; many alike are counted."""
    by_text: dict[str, list[str]] = {}
    for name, text in reasons.items():
        by_text.setdefault(_printable(text), []).append(_printable(name))
    parts = [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {text}"
        for text, names in by_text.items()
    ]
    return "; ".join(parts)[:1000]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def by_hand(profile: Profile) -> str:
    """What a user may do where the device asks for a password."""
    login = shlex.join(profile.login_command)
    command = f"{login} -t {shlex.quote(_BY_HAND)}" if login else _BY_HAND
    return f"log in as root there, let sudo ask no password for tee, or do it by hand: {command}"
