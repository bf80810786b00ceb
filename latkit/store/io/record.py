"""One measurement as a flat record, and what such a record must be like."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from latkit.condition import Condition
from latkit.errors import StoreError
from latkit.measurement import Block, Level, Measurement, Verdict
from latkit.store.migrations import strings_of_0002
from latkit.store.rows import FIGURES
from latkit.subjects import Subject

Parse = Callable[[str, str], Subject]
"""From a space's name and an official string to a canonical subject; raises ArchError."""


def _time(text: str) -> str:
    if not text:
        return text
    # Python 3.10 does not read the Z.
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, such as +00:00")
    return text if not moment.utcoffset() else moment.astimezone(timezone.utc).isoformat()


def _cell(empty: Any) -> Callable[[Any], Any]:
    """Reads a cell that holds JSON, as CSV and Parquet do; an empty one stands for ``empty``."""

    def read(value: Any) -> Any:
        if value is None or value == "":
            return empty
        return json.loads(value) if isinstance(value, str) else value

    return read


def _absent(value: Any) -> Any:
    return None if value == "" else value


_Count = Annotated[int, Field(ge=0, lt=2**31)]
_Nanoseconds = Annotated[int, Field(ge=0, lt=2**63)]
_Figure = Annotated[FiniteFloat | None, BeforeValidator(_absent)]


class BlockRecord(BaseModel):
    """A block of samples; see ``latkit.measurement.Block``."""

    model_config = ConfigDict(frozen=True)

    cold_ns: _Nanoseconds
    samples_ns: tuple[_Nanoseconds, ...]
    thread_cpu_ns: _Nanoseconds
    involuntary_switches: _Nanoseconds


class Record(BaseModel):
    """One row of a flat file; the fields are its columns, in their order.

    See ``latkit.measurement`` and ``latkit.condition`` for what they mean. In CSV ``affinity`` and
    ``reasons`` are JSON lists, empty where there are none; ``measured_at`` is ISO 8601, empty for
    published labels. CSV files end with ``measured_at``: they carry neither ``context`` nor
    ``blocks``. Files of a latkit before conditions have settings instead, which are taken apart.
    """

    model_config = ConfigDict(frozen=True)

    space: str
    arch: str
    device: Annotated[str, Field(min_length=1)]
    kind: str
    runtime: str
    runtime_version: str
    provider: str
    threads: _Count
    affinity: Annotated[tuple[_Count, ...], BeforeValidator(_cell(empty=()))]
    precision: str
    batch: _Count
    state: str
    tuned: bool
    protocol: _Count
    latency_ms: _Figure
    lower_ms: _Figure
    upper_ms: _Figure
    p10_ms: _Figure
    p90_ms: _Figure
    noise: _Figure
    energy_mj: _Figure = None
    verdict: Level
    reasons: Annotated[tuple[str, ...], BeforeValidator(_cell(empty=()))]
    measured_at: Annotated[str, AfterValidator(_time)]
    context: Annotated[dict[str, Any], BeforeValidator(_cell(empty={}))] = {}
    blocks: Annotated[tuple[BlockRecord, ...], BeforeValidator(_cell(empty=()))] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_settings(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "device_state" not in values:
            return values
        try:
            return {**values, **_from_setting(values)}
        except KeyError as problem:
            raise ValueError(f"the column {problem} is missing") from None

    @model_validator(mode="after")
    def _timed_unless_invalid(self) -> Record:
        if self.verdict != "invalid" and self.latency_ms is None:
            raise ValueError(f"a {self.verdict} measurement needs latency_ms")
        return self


def _from_setting(values: Mapping[str, Any]) -> dict[str, Any]:
    """A condition and a space from the strings of before, which are not checked yet."""
    for name in ("runtime", "device_state", "space", "skeleton"):
        if not isinstance(values[name], str):
            raise ValueError(f"{name} is no text")
    condition = strings_of_0002.condition(values)
    condition["affinity"] = [int(number) for number in condition["affinity"].split(",") if number]
    space = strings_of_0002.collection(values["space"], values["skeleton"])
    return {**condition, "space": space}


COLUMNS = tuple(Record.model_fields)
_CONDITION = set(COLUMNS[COLUMNS.index("device") : COLUMNS.index("protocol") + 1])
CSV_COLUMNS = COLUMNS[: COLUMNS.index("measured_at") + 1]


def to_record(measurement: Measurement) -> dict[str, Any]:
    """All columns of a measurement, as plain values."""
    return {
        "space": measurement.subject.collection,
        "arch": measurement.subject.key,
        **measurement.condition.values(),
        **{name: getattr(measurement, name) for name in FIGURES},
        "verdict": measurement.verdict.level,
        "reasons": list(measurement.verdict.reasons),
        "measured_at": measurement.measured_at,
        "context": dict(measurement.context),
        "blocks": [_block_record(block) for block in measurement.blocks],
    }


def _block_record(block: Block) -> dict[str, Any]:
    return {name: getattr(block, name) for name in BlockRecord.model_fields}


def from_record(row: Mapping[str, Any], parse: Parse) -> Measurement:
    """Inverse of ``to_record``; raises StoreError naming the column that is wrong."""
    try:
        record = Record.model_validate(row)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the row"
        raise StoreError(f"{where}: {first['msg']}") from None
    return Measurement(
        subject=parse(record.space, record.arch),
        condition=Condition.from_values(record.model_dump(include=_CONDITION)),
        verdict=Verdict(record.verdict, record.reasons),
        **{name: getattr(record, name) for name in FIGURES},
        blocks=tuple(Block(**dict(block)) for block in record.blocks),
        context=record.context,
        measured_at=record.measured_at,
    )
