"""The JSON-lines language spoken with the runners, version 1.

Whatever a device sends is untrusted: a line is bounded before it is read, and every field is
checked for type and range before anything else sees it. RunnerError is all that garbage causes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from latkit.errors import RunnerError

PROTOCOL_VERSION = 1
MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_SAMPLES = 100_000
MAX_TEXT = 4_000
DAY_NS = 86_400 * 10**9

FailureKind = Literal["crash", "timeout", "memory", "error"]
_FAILURES = ("crash", "timeout", "memory", "error")


@dataclass(frozen=True, slots=True)
class StopRule:
    """When a block has enough samples (times in seconds, ``half_width`` relative)."""

    min_samples: int = 32
    min_s: float = 0.6
    max_s: float = 3.0
    half_width: float = 0.01
    warm_up_s: float = 1.0


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """Time one model file on the device once, in a fresh process."""

    id: str
    model: str
    threads: int
    provider: str
    seed: int
    rule: StopRule
    timeout_s: float
    affinity: tuple[int, ...] | None = None
    memory_limit_mb: int | None = None

    def encode(self) -> bytes:
        """The request as a line, without its end."""
        return json.dumps({"op": "measure", **asdict(self)}, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Hello:
    """What a runner says of itself and its device when it is ready."""

    protocol: int
    runtime: str
    runtime_version: str
    providers: tuple[str, ...]
    python: str
    machine: str
    processor: str | None
    cpus: int
    memory_mb: int | None
    boot_id: str | None


@dataclass(frozen=True, slots=True)
class DeviceState:
    """Readings at one moment; None means unknown, never clean."""

    frequency_mhz: float | None = None
    temperature_c: float | None = None
    governor: str | None = None
    load: float | None = None
    pressure: float | None = None
    steal_ticks: int | None = None
    throttle_count: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A summary of what the network computed: evenly spaced values, mean, standard deviation."""

    count: int
    values: tuple[float, ...]
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class BlockEvent:
    """One model timed in one fresh process. ``timing_ns`` is all time spent on inferences."""

    id: str
    cold_ns: int
    warm_up: int
    samples_ns: tuple[int, ...]
    converged: bool
    thread_cpu_ns: int
    involuntary_switches: int
    timing_ns: int
    providers: tuple[str, ...]
    output: Output
    before: DeviceState
    after: DeviceState


@dataclass(frozen=True, slots=True)
class Failed:
    """A model that could not be timed."""

    id: str
    kind: FailureKind
    detail: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """The runner cannot work on this device: its runtime cannot be imported."""

    detail: str
    python: str


Event = Hello | BlockEvent | Failed | Unusable


def parse_event(line: bytes) -> Event:
    """An event from one line; raises RunnerError saying what is wrong with it."""
    if len(line) > MAX_LINE_BYTES:
        raise RunnerError(f"the runner sent a line of {len(line)} bytes")
    try:
        message = json.loads(line)
        event: Event = _PARSERS[message["event"]](_Fields(message))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        said = line[:80].decode("utf-8", "replace")
        reason = f"{type(problem).__name__}: {problem}"[:200]
        raise RunnerError(
            f"the runner answered what is not in its language: {said!r} ({reason})",
            "does something print to standard output there, or is the runner of another version?",
        ) from None
    return event


class _Fields:
    """Checked access to the fields of a message."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        self._message = message

    def text(self, name: str) -> str:
        value = self._message[name]
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise ValueError(f"{name} is not a text of at most {MAX_TEXT} characters")
        return value

    def integer(self, name: str, low: int = 0, high: int = 2**62) -> int:
        return _integer(self._message[name], name, low, high)

    def number(self, name: str) -> float:
        return _number(self._message[name], name)

    def truth(self, name: str) -> bool:
        value = self._message[name]
        if not isinstance(value, bool):
            raise ValueError(f"{name} is not true or false")
        return value

    def items(self, name: str, most: int) -> list[Any]:
        value = self._message[name]
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"{name} is not a list of at most {most}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        found = self.items(name, 64)
        if not all(isinstance(item, str) and len(item) <= MAX_TEXT for item in found):
            raise ValueError(f"{name} is not a list of texts")
        return tuple(found)

    def within(self, name: str) -> _Fields:
        value = self._message[name]
        if not isinstance(value, dict):
            raise ValueError(f"{name} is not an object")
        return _Fields(value)

    def optional(self, kind: str, name: str) -> Any:
        return None if self._message.get(name) is None else getattr(self, kind)(name)


def _integer(value: Any, name: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} is not a whole number from {low} to {high}")
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is not a finite number")
    return float(value)


def _hello(fields: _Fields) -> Hello:
    return Hello(
        protocol=fields.integer("protocol"),
        runtime=fields.text("runtime"),
        runtime_version=fields.text("runtime_version"),
        providers=fields.texts("providers"),
        python=fields.text("python"),
        machine=fields.text("machine"),
        processor=fields.optional("text", "processor"),
        cpus=fields.integer("cpus", 1, 65536),
        memory_mb=fields.optional("integer", "memory_mb"),
        boot_id=fields.optional("text", "boot_id"),
    )


def _state(fields: _Fields) -> DeviceState:
    return DeviceState(
        frequency_mhz=fields.optional("number", "frequency_mhz"),
        temperature_c=fields.optional("number", "temperature_c"),
        governor=fields.optional("text", "governor"),
        load=fields.optional("number", "load"),
        pressure=fields.optional("number", "pressure"),
        steal_ticks=fields.optional("integer", "steal_ticks"),
        throttle_count=fields.optional("integer", "throttle_count"),
    )


def _output(fields: _Fields) -> Output:
    values = fields.items("values", 256)
    return Output(
        count=fields.integer("count", 1),
        values=tuple(_number(value, "output value") for value in values),
        mean=fields.number("mean"),
        std=fields.number("std"),
    )


def _block(fields: _Fields) -> BlockEvent:
    samples = fields.items("samples_ns", MAX_SAMPLES)
    if not samples:
        raise ValueError("samples_ns is empty")
    return BlockEvent(
        id=fields.text("id"),
        cold_ns=fields.integer("cold_ns", 1, DAY_NS),
        warm_up=fields.integer("warm_up"),
        samples_ns=tuple(_integer(value, "samples_ns", 1, DAY_NS) for value in samples),
        converged=fields.truth("converged"),
        thread_cpu_ns=fields.integer("thread_cpu_ns"),
        involuntary_switches=fields.integer("involuntary_switches"),
        timing_ns=fields.integer("timing_ns", 1, DAY_NS),
        providers=fields.texts("providers"),
        output=_output(fields.within("output")),
        before=_state(fields.within("before")),
        after=_state(fields.within("after")),
    )


def _failed(fields: _Fields) -> Failed:
    kind: Any = fields.text("kind")
    if kind not in _FAILURES:
        raise ValueError(f"kind is not one of {', '.join(_FAILURES)}")
    return Failed(fields.text("id"), kind, fields.text("detail"))


def _unusable(fields: _Fields) -> Unusable:
    return Unusable(fields.text("detail"), fields.text("python"))


_PARSERS: dict[str, Any] = {
    "hello": _hello,
    "block": _block,
    "failed": _failed,
    "unusable": _unusable,
}
