"""One measurement as a flat record, and what such a record must be like."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
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

from latkit.condition import Condition, device_name
from latkit.errors import StoreError, UsageError
from latkit.measurement import MAX_LATENCY_MS, Block, Level, Measurement, Verdict
from latkit.protocol import MAX_ENERGY_MJ
from latkit.reading import parse_json
from latkit.store.migrations import strings_of_0002
from latkit.store.rows import FIGURES
from latkit.subjects import Subject

Parse = Callable[[str, str], Subject]
"""From a space's name and an official string to a canonical subject; raises ArchError."""


MAX_TEXT = 2_000
MAX_BLOCKS = 1_000
SLACK = timedelta(days=1)
"""So far in the future a measurement may lie: clocks differ."""


def _time(text: str) -> str:
    if not text:
        return text
    # Python 3.10 does not read the Z.
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, such as +00:00")
    try:
        utc = moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("is no time of a calendar") from None
    if utc > datetime.now(timezone.utc) + SLACK:
        raise ValueError("lies in the future")
    return text if not moment.utcoffset() else utc.isoformat()


def _cell(empty: Any) -> Callable[[Any], Any]:
    """Reads a cell that holds JSON, as CSV and Parquet do; an empty one stands for ``empty``."""

    def read(value: Any) -> Any:
        if value is None or value == "":
            return empty
        return parse_json(value) if isinstance(value, str) else value

    return read


def _absent(value: Any) -> Any:
    return None if value == "" else value


def _device(text: str) -> str:
    try:
        return device_name(text)
    except UsageError as problem:
        raise ValueError(problem.message) from None


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is true or false, not a number")
    return value


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


def _finite(context: dict[str, Any]) -> dict[str, Any]:
    json.dumps(context, allow_nan=False)
    return context


_Number = BeforeValidator(_no_truth)
_Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_storable)]
_Count = Annotated[int, _Number, Field(ge=0, lt=2**31)]
_Nanoseconds = Annotated[int, _Number, Field(ge=0, lt=2**63)]
_Figure = Annotated[FiniteFloat | None, BeforeValidator(_absent), _Number]


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

    space: _Text
    arch: _Text
    device: Annotated[_Text, AfterValidator(_device)]
    kind: _Text
    runtime: _Text
    runtime_version: _Text
    provider: _Text
    threads: _Count
    affinity: Annotated[tuple[_Count, ...], BeforeValidator(_cell(empty=()))]
    precision: _Text
    batch: _Count
    state: _Text
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
    reasons: Annotated[tuple[_Text, ...], BeforeValidator(_cell(empty=()))]
    measured_at: Annotated[str, AfterValidator(_time)]
    context: Annotated[
        dict[str, Any], BeforeValidator(_cell(empty={})), AfterValidator(_finite)
    ] = {}
    blocks: Annotated[
        tuple[BlockRecord, ...], Field(max_length=MAX_BLOCKS), BeforeValidator(_cell(empty=()))
    ] = ()

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

    @model_validator(mode="after")
    def _possible_unless_invalid(self) -> Record:
        if self.verdict != "invalid":
            _require_possible(self)
        return self

    @model_validator(mode="after")
    def _measured_under_what_can_be(self) -> Record:
        # Only published labels, which have no protocol, do not tell.
        for name in ("threads", "batch") if self.protocol else ():
            if not getattr(self, name):
                raise ValueError(f"{name} is 0 in a measurement")
        return self


def _require_possible(record: Record) -> None:
    """Refuse figures that no measurement has; ValueError names the first."""
    for name in ("latency_ms", "lower_ms", "upper_ms", "p10_ms", "p90_ms"):
        value = getattr(record, name)
        if value is not None and not 0 < value <= MAX_LATENCY_MS:
            raise ValueError(f"{name} is {value:g}, which is not a latency")
    for low, high in (("lower_ms", "upper_ms"), ("p10_ms", "p90_ms")):
        first, last = getattr(record, low), getattr(record, high)
        if first is not None and last is not None and first > last:
            raise ValueError(f"{low} is larger than {high}")
    if record.noise is not None and record.noise < 0:
        raise ValueError(f"noise is {record.noise:g}")
    if record.energy_mj is not None and not 0 < record.energy_mj <= MAX_ENERGY_MJ:
        raise ValueError(f"energy_mj is {record.energy_mj:g}, which is not an energy")


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
        raise StoreError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
    return Measurement(
        subject=parse(record.space, record.arch),
        condition=Condition.from_values(record.model_dump(include=_CONDITION)),
        verdict=Verdict(record.verdict, record.reasons),
        **{name: getattr(record, name) for name in FIGURES},
        blocks=tuple(Block(**dict(block)) for block in record.blocks),
        context=record.context,
        measured_at=record.measured_at,
    )
