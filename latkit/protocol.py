"""The JSON-lines language spoken with the runners, version 1.

Whatever a device sends is untrusted: a line is bounded before it is read, and every field is
checked for type and range before anything else sees it. RunnerError is all that garbage causes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar, get_args

from latkit.errors import RunnerError

PROTOCOL_VERSION = 1
MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_SAMPLES = 100_000
MAX_TEXT = 4_000
DAY_NS = 86_400 * 10**9
MAX_ENERGY_MJ = 1e9
_MAX_DIGITS = 19
T = TypeVar("T")

FailureKind = Literal["crash", "timeout", "memory", "error", "runner", "implausible"]
_FAILURES: tuple[FailureKind, ...] = get_args(FailureKind)


@dataclass(frozen=True, slots=True)
class StopRule:
    """When a block has enough samples (times in seconds, ``half_width`` relative).

    At least ``min_samples`` and ``min_s``, until the 95 % interval of the median is within
    ``half_width`` on either side; ``max_s`` ends it in any case, unless a slow network has not run
    a dozen times by then. ``warm_up_s`` is the most that warming up may take.
    """

    min_samples: int = 64
    min_s: float = 1.0
    max_s: float = 2.5
    half_width: float = 0.01
    warm_up_s: float = 0.6


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
    precision: str = "fp32"

    def encode(self) -> bytes:
        """The request as a line, without its end."""
        return json.dumps({"op": "measure", **asdict(self)}, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Hello:
    """What a runner says of itself and its device when it is ready.

    ``format`` names the model files that it reads; ``providers`` is empty where there is no
    choice.
    """

    protocol: int
    runtime: str
    runtime_version: str
    format: str
    providers: tuple[str, ...]
    python: str
    machine: str
    processor: str | None
    cpus: int
    memory_mb: int | None
    boot_id: str | None


@dataclass(frozen=True, slots=True)
class DeviceState:
    """Readings at one moment; None means unknown, never clean.

    Frequency is the lowest of the processors in use, temperature the hottest zone's. Pressure
    (some process waited for a processor), steal, throttling and over-current events count up from
    the boot on. ``limits`` are names of what slows the device down at that moment,
    ``limits_since_boot`` of what has before. What is of the GPU is known where a model runs on it;
    ``power_mode`` is a Jetson's.
    """

    frequency_mhz: float | None = None
    temperature_c: float | None = None
    governor: str | None = None
    load: float | None = None
    pressure_us: int | None = None
    steal_s: float | None = None
    throttle_count: int | None = None
    over_current_count: int | None = None
    power_mode: str | None = None
    gpu_mhz: float | None = None
    gpu_temperature_c: float | None = None
    limits: tuple[str, ...] | None = None
    limits_since_boot: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A summary of what the network computed: evenly spaced values, mean, standard deviation."""

    count: int
    values: tuple[float, ...]
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class BlockEvent:
    """One model timed in one fresh process. ``timing_ns`` is all time spent on inferences.

    A benchmark program that timed itself leaves ``output`` None, unknown; CPU time, switches and
    ``timing_ns`` are then those of the whole program between the two states, loading included.
    ``energy_mj`` is that of one inference, idle power included, and ``energy_of`` names what was
    measured: packages, rails or a GPU.
    """

    id: str
    cold_ns: int
    warm_up: int
    samples_ns: tuple[int, ...]
    converged: bool
    thread_cpu_ns: int
    involuntary_switches: int
    timing_ns: int
    providers: tuple[str, ...]
    output: Output | None
    before: DeviceState
    after: DeviceState
    energy_mj: float | None = None
    energy_of: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A model that could not be timed.

    Two kinds are the host's own: ``runner`` where the runner broke over it, ``implausible`` where
    what was told of it cannot be true.
    """

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
    return _parsed(line, lambda message: _PARSERS[message["event"]](_Fields(message)))


def _parsed(line: bytes, parse: Callable[[Any], T]) -> T:
    if len(line) > MAX_LINE_BYTES:
        raise RunnerError(f"the runner sent a line of {len(line)} bytes")
    try:
        return parse(json.loads(line, parse_int=_parse_integer))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        said = line[:80].decode("ascii", "replace")
        reason = _printable(f"{type(problem).__name__}: {problem}")[:200]
        raise RunnerError(
            f"the runner answered what is not in its language: {said!r} ({reason})",
            "does something print to standard output there, or is the runner of another version?",
        ) from None


class _Fields:
    """Checked access to the fields of a message."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        self._message = message

    def text(self, name: str) -> str:
        return _text(self._message[name], name)

    def integer(self, name: str, low: int = 0, high: int = 2**62) -> int:
        return _integer(self._message[name], name, low, high)

    def number(self, name: str) -> float:
        return _number(self._message[name], name)

    def energy(self, name: str) -> float:
        value = self.number(name)
        if not 0 < value <= MAX_ENERGY_MJ:
            raise ValueError(f"{name} is not from 0 to {MAX_ENERGY_MJ:g} mJ")
        return value

    def truth(self, name: str) -> bool:
        return self._of(bool, name)

    def items(self, name: str, most: int) -> list[Any]:
        found: list[Any] = self._of(list, name)
        if len(found) > most:
            raise ValueError(f"{name} has more than {most} items")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_text(item, name) for item in self.items(name, 64))

    def within(self, name: str) -> _Fields:
        return _Fields(self._of(dict, name))

    def is_null(self, name: str) -> bool:
        return self._message[name] is None

    def optional(self, kind: str, name: str) -> Any:
        return None if self._message.get(name) is None else getattr(self, kind)(name)

    def _of(self, kind: type[T], name: str) -> T:
        value = self._message[name]
        if not isinstance(value, kind):
            raise ValueError(f"{name} is not of type {kind.__name__}")
        return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError(f"{name} is not a text of at most {MAX_TEXT} characters")
    return _printable(value)


def _parse_integer(digits: str) -> int:
    # Old Pythons take minutes over a million digits, and no latency has that many.
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _printable(text: str) -> str:
    """On one line, without what could drive a terminal or is no Unicode text."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


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
        format=fields.text("format"),
        providers=fields.texts("providers"),
        python=fields.text("python"),
        machine=fields.text("machine"),
        processor=fields.optional("text", "processor"),
        cpus=fields.integer("cpus", 1, 65536),
        memory_mb=fields.optional("integer", "memory_mb"),
        boot_id=fields.optional("text", "boot_id"),
    )


def parse_state(line: bytes) -> DeviceState:
    """What the runner's ``state.py`` prints; raises RunnerError where that is something else."""
    return _parsed(line, lambda message: _state(_Fields(message)))


_READINGS = {
    "governor": "text",
    "pressure_us": "integer",
    "throttle_count": "integer",
    "over_current_count": "integer",
    "power_mode": "text",
    "limits": "texts",
    "limits_since_boot": "texts",
}


def _state(fields: _Fields) -> DeviceState:
    names = DeviceState.__dataclass_fields__
    kinds = {name: _READINGS.get(name, "number") for name in names}
    return DeviceState(**{name: fields.optional(kind, name) for name, kind in kinds.items()})


def _output(block: _Fields) -> Output | None:
    if block.is_null("output"):
        return None
    fields = block.within("output")
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
        output=_output(fields),
        before=_state(fields.within("before")),
        after=_state(fields.within("after")),
        energy_mj=fields.optional("energy", "energy_mj"),
        energy_of=fields.optional("text", "energy_of"),
    )


def _failed(fields: _Fields) -> Failed:
    said = fields.text("kind")
    for kind in _FAILURES:
        if kind == said:
            return Failed(fields.text("id"), kind, fields.text("detail"))
    raise ValueError(f"kind is not one of {', '.join(_FAILURES)}")


_PARSERS: dict[str, Callable[[_Fields], Event]] = {
    "hello": _hello,
    "block": _block,
    "failed": _failed,
    "unusable": lambda fields: Unusable(fields.text("detail"), fields.text("python")),
}
