"""A measurement as rows of the database, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from sqlalchemy import Row, RowMapping

from latkit.condition import Condition
from latkit.errors import StoreError
from latkit.measurement import LEVELS, Block, Measurement, Verdict
from latkit.reading import parse_json
from latkit.store import samples
from latkit.store.damage import require_counts, require_figures, require_texts
from latkit.store.schema import conditions
from latkit.subjects import Subject

FIGURES = ("latency_ms", "lower_ms", "upper_ms", "p10_ms", "p90_ms", "noise", "energy_mj")
CONDITION_FIELDS = tuple(column.name for column in conditions.columns if column.name != "id")
_TEXTS = ("device", "kind", "runtime", "runtime_version", "provider", "precision", "state")
IDENTITY_FIELDS = tuple(name for name in CONDITION_FIELDS if name != "kind")
"""What tells conditions apart."""


def measurement_row(measurement: Measurement, subject_id: int, condition_id: int) -> dict[str, Any]:
    """The row of table ``measurement``; raises StoreError for a figure that is no number."""
    reasons = measurement.verdict.reasons
    row = {
        "subject_id": subject_id,
        "condition_id": condition_id,
        "level": measurement.verdict.level,
        "reasons": _json(reasons) if reasons else None,
        "context": _json(dict(measurement.context)) if measurement.context else None,
        "measured_at": measurement.measured_at,
    }
    for name in FIGURES:
        value = getattr(measurement, name)
        if value is not None and not isfinite(value):
            raise StoreError(f"{name} of {measurement.subject} is {value}, which cannot be stored")
        row[name] = value
    return row


def block_rows(measurement_id: int, blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """The rows of table ``block``."""
    return [
        {
            "measurement_id": measurement_id,
            "position": position,
            "cold_ns": block.cold_ns,
            "thread_cpu_ns": block.thread_cpu_ns,
            "involuntary_switches": block.involuntary_switches,
            "sample_count": len(block.samples_ns),
            "samples": samples.pack(block.samples_ns),
        }
        for position, block in enumerate(blocks)
    ]


def condition_row(condition: Condition) -> dict[str, Any]:
    """The row of table ``condition``."""
    return {name: stored(name, value) for name, value in condition.values().items()}


def stored(name: str, value: Any) -> Any:
    """One of a condition's values as its row has it."""
    return ",".join(map(str, value)) if name == "affinity" else value


def measurement_of(row: Row[Any], condition: Condition, blocks: Sequence[Block]) -> Measurement:
    """Inverse of ``measurement_row``; the row carries ``collection`` and ``key`` besides.

    Raises StoreError where a column holds what is never written there.
    """
    what = f"measurement {row.id}"
    require_texts(row._mapping, ("collection", "key", "measured_at"), what)
    require_figures(row._mapping, FIGURES, what)
    if row.level not in LEVELS:
        raise StoreError(f"{what} is damaged: its verdict is {str(row.level)[:40]!r}")
    return Measurement(
        subject=Subject(row.collection, row.key),
        condition=condition,
        verdict=Verdict(row.level, _reasons(row.reasons) if row.reasons else ()),
        latency_ms=row.latency_ms,
        lower_ms=row.lower_ms,
        upper_ms=row.upper_ms,
        p10_ms=row.p10_ms,
        p90_ms=row.p90_ms,
        noise=row.noise,
        blocks=tuple(blocks),
        context=_unjson(row.context, dict) if row.context else {},
        measured_at=row.measured_at,
        energy_mj=row.energy_mj,
    )


def block_of(row: Row[Any]) -> Block:
    """Inverse of one of ``block_rows``; raises StoreError where it is damaged."""
    numbers = ("cold_ns", "thread_cpu_ns", "involuntary_switches", "sample_count")
    require_counts(row._mapping, numbers, f"a block of measurement {row.measurement_id}")
    return Block(
        cold_ns=row.cold_ns,
        samples_ns=samples.unpack(row.samples, row.sample_count),
        thread_cpu_ns=row.thread_cpu_ns,
        involuntary_switches=row.involuntary_switches,
    )


def condition_of(row: RowMapping) -> Condition:
    """Inverse of ``condition_row``; raises StoreError where a value is none."""
    require_texts(row, _TEXTS, "a condition of the dataset")
    require_counts(row, ("threads", "batch", "protocol"), "a condition of the dataset")
    try:
        affinity = [int(number) for number in row["affinity"].split(",") if number]
    except (ValueError, TypeError, AttributeError):
        raise StoreError(f"a condition of the dataset is damaged: {row['affinity']!r}") from None
    return Condition.from_values({**row, "affinity": affinity})


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as problem:
        raise StoreError(f"a measurement's context cannot be stored: {problem}") from None


def _reasons(text: str) -> tuple[str, ...]:
    found = tuple(_unjson(text, list))
    if not all(isinstance(reason, str) for reason in found):
        raise StoreError("a measurement's reasons or context are damaged (a reason is no text)")
    return found


def _unjson(text: str, kind: type) -> Any:
    try:
        found = parse_json(text)
    except (TypeError, ValueError) as problem:
        raise StoreError(f"a measurement's reasons or context are damaged ({problem})") from None
    if not isinstance(found, kind):
        raise StoreError(f"a measurement's reasons or context are damaged (no {kind.__name__})")
    return found
