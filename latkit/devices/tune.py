"""Putting a device into the state that measuring wants, for as long as it is measured.

A program on the device holds the settings and restores them whatever becomes of it, of the link
or of this process; see ``runners/tuner.py``.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from latkit.devices.deploy import Deployed, deploy
from latkit.devices.held import SILENCE_LIMIT_S, Held
from latkit.devices.profile import Profile
from latkit.devices.transport import open_transport
from latkit.errors import RemoteCommandError, RunnerError

_ANSWER_TIMEOUT_S = 90.0
_FILE = "tuned.json"
_BY_HAND = "echo performance | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"

Hold = Literal["held", "left", "free"]


class _Answer(BaseModel):
    """What ``tuner.py`` says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Literal["tuned", "restored", "busy", "held", "left", "free", "untrusted"]
    reason: str = ""
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

    def __init__(self, where: str, program: Held, answer: _Answer) -> None:
        self.changed: Mapping[str, str] = answer.changed
        self.refused: Mapping[str, str] = answer.refused
        self.recovered = answer.recovered
        self._where = where
        self._program = program

    def wait(self, timeout_s: float) -> None:
        """Wait so long; raises LatkitError where the settings are not held any more."""
        if self._program.last_word(timeout_s) is not None:
            raise RemoteCommandError(
                f"the settings of {self._where} are not held any more",
                "they were put back there, or `latkit device check` says that they were not",
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
        deployed = deploy(transport, profile)
        words = deployed.words("tuner.py", "hold", _kept(deployed), f"{SILENCE_LIMIT_S:g}", root)
        with Held(transport, words, "tuned") as program:
            answer = program.answer(_Answer, _ANSWER_TIMEOUT_S)
            _require_tuned(profile, transport.description, answer)
            yield Tuning(transport.description, program, answer)
            failed = program.end(_Answer, _ANSWER_TIMEOUT_S).failed
        if failed:
            raise _not_restored(profile, transport.description, failed)


def holding(deployed: Deployed, root: str = "/") -> Hold:
    """Whether a device is held so now; ``left``: it was, by a run that was killed."""
    answer = deployed.run("tuner.py", "status", _kept(deployed), root)
    said = _parsed(answer.stdout.strip().encode())
    _require_trusted(deployed.transport.description, said)
    state = said.state
    if state not in ("held", "left", "free"):
        raise RemoteCommandError(
            f"{deployed.transport.description} said {state!r} when asked for its state"
        )
    return state


def _kept(deployed: Deployed) -> str:
    return posixpath.join(deployed.transport.expand(deployed.profile.remote_dir), _FILE)


def _require_tuned(profile: Profile, where: str, answer: _Answer) -> None:
    if answer.state == "busy":
        raise RemoteCommandError(
            f"{where} is tuned by somebody else already", "it needs no second one: just measure"
        )
    _require_trusted(where, answer)
    if answer.state != "tuned":
        raise _not_restored(profile, where, answer.failed)
    if answer.refused and not answer.changed:
        raise RemoteCommandError(
            f"nothing could be changed on {where}: {told(answer.refused)}", by_hand(profile)
        )


def _require_trusted(where: str, answer: _Answer) -> None:
    if answer.state == "untrusted":
        raise RemoteCommandError(
            f"what is to be put back on {where} may be somebody else's work: "
            f"{_printable(answer.reason)}",
            "look at that file, then remove it; a restart of the device puts everything back",
        )


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
