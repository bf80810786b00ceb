"""What may be asked for instead of what a device's profile says, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any, TypedDict

from latkit.condition import Condition, Precision, typed
from latkit.devices.runtimes import RUNTIMES
from latkit.devices.usual import provider_of, usual
from latkit.errors import UnknownNameError, UsageError


class Options(TypedDict, total=False):
    """Parts of a condition; each that is absent, or None, is as the device's profile has it.

    ``affinity`` are numbers of processors, none of which stand for all; ``state`` is the user's
    name for clocks and power mode; ``tune`` asks for full clocks, held by latkit.
    """

    runtime: str | None
    provider: str | None
    threads: int | None
    affinity: Sequence[int] | None
    precision: Precision | None
    batch: int | None
    state: str | None
    tune: bool | None


_FIELDS = {"state": "device_state"}
_VALUES = {"tune": "tuned"}
_OPTIONS = {value: option for option, value in _VALUES.items()}


def known(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given; raises UnknownNameError for one that there is not."""
    for name in options:
        if name not in Options.__annotations__:
            raise UnknownNameError("option", name, Options.__annotations__)
    return {name: value for name, value in options.items() if value is not None}


def fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a profile to be changed."""
    asked = {_FIELDS.get(name, name): value for name, value in known(options).items()}
    asked.pop("tune", None)
    if "affinity" in asked:
        asked["affinity"] = tuple(asked["affinity"]) or None
    return asked


def wanted(options: Mapping[str, Any]) -> dict[str, Any]:
    """The ``values`` that a condition must have to be one that is asked for."""
    return {_VALUES.get(name, name): value for name, value in known(options).items()}


def asked_for(own: Mapping[str, Any] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The ``values`` of the condition that a device is measured under with these options.

    ``own`` are those of its profile; of a device without one only what the options say.
    """
    asked = wanted(options)
    if own is None:
        return asked
    return {**_of_runtime(own, asked.get("runtime", own["runtime"])), **asked}


def again(condition: Condition) -> Options:
    """The options that measure under a condition once more, whatever the profile says by now.

    Raises UsageError for a benchmark program that the profile does not describe any more.
    """
    values = condition.values()
    found = Options(
        threads=values["threads"],
        affinity=values["affinity"],
        precision=values["precision"],
        batch=values["batch"],
        state=values["state"],
        tune=values["tuned"],
    )
    if values["runtime"] in RUNTIMES:
        found["runtime"], found["provider"] = values["runtime"], values["provider"]
    elif (usual(condition.board) or {}).get("runtime") != values["runtime"]:
        raise UsageError(
            f"the profile of {condition.board!r} describes no benchmark program "
            f"{values['runtime']} any more",
            f"measure and adapt again: latkit measure --device {quote(condition.board)} --n 20",
        )
    return found


def words(condition: Condition) -> list[str]:
    """The same as words of a command line, as few as the device's profile allows."""
    return typed(unusual(condition))


def unusual(condition: Condition) -> dict[str, Any]:
    """The ``values`` that must be asked for, by name: those that the profile does not say.

    None where nothing could be asked for: of a published table, or a device without a profile.
    """
    own = usual(condition.board)
    if own is None or not condition.protocol:
        return {}
    return condition.unlike(_of_runtime(own, condition.runtime.name))


def of_space(space: str | None) -> list[str]:
    """The words that name a space where a command would take another one by itself."""
    return [] if space in (None, "nb201") else [f"--space {quote(str(space))}"]


def as_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Inverse of ``wanted``."""
    return {_OPTIONS.get(name, name): value for name, value in values.items()}


def described(values: Mapping[str, Any]) -> str:
    """Some of a condition's ``values``, for a sentence."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def listed(conditions: Iterable[Condition]) -> str:
    """Each of the conditions once, for a sentence."""
    return "; ".join(dict.fromkeys(condition.words() for condition in conditions))


def asked_words(options: Mapping[str, Any]) -> list[str]:
    """Options as words of a command line."""
    return typed(wanted(options))


def _of_runtime(own: Mapping[str, Any], runtime: str) -> Mapping[str, Any]:
    """A profile's ``values`` under a runtime: another one has a provider of its own."""
    return own if own["runtime"] == runtime else {**own, "provider": provider_of(runtime)}


def command(name: str, condition: Condition, *more: str) -> str:
    """A command line about a device under a condition, to be typed."""
    return " ".join(["latkit", name, "--device", quote(condition.board), *words(condition), *more])
