"""What a measurement was made under: all that must be equal for two latencies to be comparable.

A condition is the key of a measurement, and of a predictor made from measurements. Nothing in it
is a string that holds several things: whoever wants one of them asks for it by name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from reprlib import repr as shorten
from typing import Any, Literal, Protocol

from latkit.errors import UsageError
from latkit.plural import counted

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
UNKNOWN = "unknown"
"""What published tables do not tell."""
ALL = "all"
"""No affinity, as a person writes it."""

_DEVICE_NAME = re.compile(r"[^\W_][\w .()+-]{0,63}")


def device_name(text: str) -> str:
    """The name of a device, as it is; raises UsageError where no device can be called so.

    It becomes a folder's name, a word of command lines, and a cell of tables: no path, no control
    character, nothing that a selector (``rpi4@threads=4``) would take for something else.
    """
    if not isinstance(text, str) or not _DEVICE_NAME.fullmatch(text) or text != text.strip():
        raise UsageError(
            f"{shorten(text)} cannot be the name of a device",
            "1 to 64 letters, digits, spaces and . _ - + ( ), beginning with a letter or digit",
        )
    return text


class Described(Protocol):
    """What a device's profile says of how it is measured."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def provider(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def affinity(self) -> tuple[int, ...] | None: ...
    @property
    def precision(self) -> Precision: ...
    @property
    def batch(self) -> int: ...
    @property
    def device_state(self) -> str: ...


class Greeting(Protocol):
    """What a runner says of itself."""

    @property
    def protocol(self) -> int: ...
    @property
    def runtime(self) -> str: ...
    @property
    def runtime_version(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Runtime:
    """What executes networks: its name, its version there, and what it runs them on."""

    name: str
    version: str = ""
    provider: str = ""

    def __str__(self) -> str:
        provider = self.provider.removesuffix("ExecutionProvider")
        on = f"({provider})" if provider not in ("", "CPU") else ""
        words = (self.name, self.version, on)
        return " ".join(word for word in words if word not in ("", UNKNOWN, f"({UNKNOWN})"))


@dataclass(frozen=True, slots=True)
class State:
    """The state that the board was put into.

    ``label`` is the user's name for clocks and power mode; ``tuned`` tells whether latkit held it
    at full clocks meanwhile.
    """

    label: str = "default"
    tuned: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """All that two measurements must have in common.

    Args:
        board: name of the device's profile.
        runtime: what ran the network.
        threads: intra-operator threads; 0 where a published table does not tell.
        affinity: numbers of the processors that it was kept to, in order; none where it might use
            all.
        precision: ``fp32``, ``fp16`` or ``int8``; ``unknown`` in published tables.
        batch: images per inference; 0 where a published table does not tell.
        state: of the board.
        protocol: version of the measurement protocol; 0 of published tables.
        kind: what sort of board it is, as ``rpi4``; it says nothing that ``board`` does not, and
            tells no two conditions apart.
    """

    board: str
    runtime: Runtime
    threads: int = 1
    affinity: tuple[int, ...] = ()
    precision: str = "fp32"
    batch: int = 1
    state: State = field(default_factory=State)
    protocol: int = 1
    kind: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "affinity", _processors(self.affinity))

    @classmethod
    def of(cls, profile: Described, hello: Greeting, *, tuned: bool = False) -> Condition:
        """That of a session: what the profile asks for, by the runtime that answered there.

        ``tuned`` tells whether latkit holds the board at full clocks meanwhile.
        """
        return cls(
            board=profile.name,
            runtime=Runtime(hello.runtime, hello.runtime_version, profile.provider),
            threads=profile.threads,
            affinity=tuple(profile.affinity or ()),
            precision=profile.precision,
            batch=profile.batch,
            state=State(profile.device_state, tuned),
            protocol=hello.protocol,
            kind=profile.kind or profile.name,
        )

    def values(self) -> dict[str, Any]:
        """All of it by name, flat: what people ask for, and what tables and files show."""
        return {
            "device": self.board,
            "kind": self.kind,
            "runtime": self.runtime.name,
            "runtime_version": self.runtime.version,
            "provider": self.runtime.provider,
            "threads": self.threads,
            "affinity": list(self.affinity),
            "precision": self.precision,
            "batch": self.batch,
            "state": self.state.label,
            "tuned": self.state.tuned,
            "protocol": self.protocol,
        }

    def row(self) -> dict[str, Any]:
        """The same for a row of results, with the condition in ``words`` beside it."""
        return {**self.values(), "condition": self.words()}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Condition:
        """Inverse of ``values``; raises KeyError where one is missing."""
        return cls(
            board=values["device"],
            runtime=Runtime(values["runtime"], values["runtime_version"], values["provider"]),
            threads=values["threads"],
            affinity=tuple(values["affinity"]),
            precision=values["precision"],
            batch=values["batch"],
            state=State(values["state"], bool(values["tuned"])),
            protocol=values["protocol"],
            kind=values["kind"],
        )

    @classmethod
    def from_json(cls, values: Any) -> Condition:
        """The same from a JSON document of anybody's; raises ValueError where a type is wrong."""
        for name, kind in _KINDS.items():
            if type(values[name]) is not kind:
                raise ValueError(f"its {name} is of another type")
        if not all(type(number) is int for number in values["affinity"]):
            raise ValueError("its affinity is of another type")
        return cls.from_values(values)

    def matches(self, wanted: Mapping[str, Any]) -> bool:
        """Whether it has all the ``values`` that are wanted, each by a name that there is."""
        own = self.values()
        return all(own[name] == _plain(name, value) for name, value in wanted.items())

    def as_options(self, usual: Mapping[str, Any]) -> list[str]:
        """Words of a command line that ask for this condition where ``usual`` is what it would be.

        Args:
            usual: ``values`` without any option. A value that it lacks is always asked for; one
                that no option sets (the runtime's version, say) never.
        """
        return typed(self.unlike(usual))

    def unlike(self, usual: Mapping[str, Any]) -> dict[str, Any]:
        """Those ``values`` that an option sets and that are not as ``usual``, or not in it."""
        own = self.values()
        return {
            name: own[name]
            for name in OPTIONS
            if name not in usual or own[name] != _plain(name, usual[name])
        }

    def words(self) -> str:
        """The condition as a person says it, without the board; what is unknown is left out."""
        parts = [
            (str(self.runtime), True),
            (self.precision, self.precision != UNKNOWN),
            (counted(self.threads, "thread"), self.threads),
            (f"processors {listed(self.affinity)}", self.affinity),
            (f"batch {self.batch}", self.batch),
            (f"state {self.state.label}", self.state.label not in ("default", UNKNOWN)),
            ("tuned", self.state.tuned),
        ]
        return ", ".join(part for part, told in parts if told)

    def digest(self) -> str:
        """Stands for the condition in a file's name."""
        import hashlib
        import json

        values = {name: value for name, value in self.values().items() if name != "kind"}
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def typed(values: Mapping[str, Any]) -> list[str]:
    """Words of a command line that ask for some of a condition's ``values``."""
    return [word for name, value in values.items() for word in OPTIONS[name](value)]


_KINDS: dict[str, type] = {
    **dict.fromkeys(("device", "kind", "runtime", "runtime_version", "provider"), str),
    **dict.fromkeys(("precision", "state"), str),
    **dict.fromkeys(("threads", "batch", "protocol"), int),
    "affinity": list,
    "tuned": bool,
}


def unversioned(condition: Condition) -> Condition:
    """The condition whatever the versions of runtime and protocol, which nobody can ask for."""
    runtime = replace(condition.runtime, version="")
    return replace(condition, runtime=runtime, protocol=min(condition.protocol, 1))


def listed(affinity: Sequence[int]) -> str:
    """Processor numbers as a person writes them."""
    return ",".join(map(str, affinity)) or ALL


def _processors(numbers: Sequence[int]) -> tuple[int, ...]:
    """In order and each once: a set of processors is one, however it is written."""
    return tuple(sorted(set(numbers)))


def _plain(name: str, value: Any) -> Any:
    return list(_processors(value)) if name == "affinity" and value is not None else value


def _option(name: str) -> Callable[[Any], list[str]]:
    return lambda value: [f"--{name}", shlex.quote(str(value))]


OPTIONS: dict[str, Callable[[Any], list[str]]] = {
    "runtime": _option("runtime"),
    "provider": _option("provider"),
    "threads": _option("threads"),
    "affinity": lambda value: ["--affinity", listed(value)],
    "precision": _option("precision"),
    "batch": _option("batch"),
    "state": _option("state"),
    "tuned": lambda value: ["--tune" if value else "--no-tune"],
}
"""How each value that a user may ask for is written on a command line."""
