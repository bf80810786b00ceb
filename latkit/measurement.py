"""The small frozen values that travel between rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["valid", "suspect", "invalid"]
LEVELS: tuple[Level, ...] = ("valid", "suspect", "invalid")
Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


@dataclass(frozen=True, slots=True)
class Arch:
    """One architecture: the name of its space and its canonical string there."""

    space: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Setting:
    """All that must be equal for two latencies to be comparable.

    Args:
        device: profile name of the device.
        skeleton: the space's macro skeleton around the cell, e.g. ``c16-n5-r32``.
        runtime: name of the runtime, e.g. ``onnxruntime``.
        runtime_version: as the device reports it.
        threads: intra-operator threads.
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: images per inference.
        device_state: the user's name for the state the device was put into (power mode, clocks).
        protocol: version of the measurement protocol.
    """

    device: str
    skeleton: str
    runtime: str
    runtime_version: str
    threads: int = 1
    precision: str = "fp32"
    batch: int = 1
    device_state: str = "default"
    protocol: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a measurement can be believed, and why not further."""

    level: Level
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """What one fresh process on the device measured of one model.

    ``samples_ns`` are wall-clock durations of single inferences, in order, none removed.
    """

    cold_ns: int
    samples_ns: tuple[int, ...]
    thread_cpu_ns: int
    involuntary_switches: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """The latency of one architecture under one setting, raw samples included.

    ``latency_ms`` is the median over all blocks; ``lower_ms`` and ``upper_ms`` bound the 95 %
    order-statistic interval of that median. All four figures are None where nothing could be
    timed (the verdict is then ``invalid``). ``noise`` is the relative standard error of
    ``latency_ms``, the weight with which an adapter may trust it. ``published`` labels are
    those imported from tables, which have no samples. ``energy_mj`` is that of one inference, idle
    power included, where the device can tell.
    """

    arch: Arch
    setting: Setting
    verdict: Verdict
    latency_ms: float | None
    lower_ms: float | None = None
    upper_ms: float | None = None
    p10_ms: float | None = None
    p90_ms: float | None = None
    noise: float | None = None
    blocks: tuple[Block, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    measured_at: str = ""
    energy_mj: float | None = None

    @property
    def usable(self) -> bool:
        """Whether this may train a predictor."""
        return self.verdict.level != "invalid" and self.latency_ms is not None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted latency: posterior mean and the bounds of its central interval, in ms."""

    mean_ms: float
    lower_ms: float
    upper_ms: float
