"""What is asked of the database: which measurements, and as SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select

from latkit.condition import Condition
from latkit.errors import UnknownNameError, UsageError
from latkit.measurement import LEVELS, Level
from latkit.store.rows import CONDITION_FIELDS, IDENTITY_FIELDS, condition_row, stored
from latkit.store.schema import blocks, conditions, measurements, subjects
from latkit.subjects import Subject

USABLE: tuple[Level, ...] = ("valid", "suspect")
_NUMBER = measurements.c.id
"""The order of storing, and so of age: there is one writer at a time, and clocks are set back."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which measurements are wanted; what is not given is no condition.

    Args:
        device: name of the device.
        collection: name of the subjects' collection.
        subject: one of them.
        condition: under which they were measured.
        wanted: some of the condition's ``values``; UnknownNameError for one that it has not.
        levels: how they were judged.
        newest: of every subject and condition only what was stored last and meets all the others.
        last: so many at most, those stored last.
    """

    device: str | None = None
    collection: str | None = None
    subject: Subject | None = None
    condition: Condition | None = None
    wanted: Mapping[str, Any] = field(default_factory=dict)
    levels: Sequence[Level] = LEVELS
    newest: bool = False
    last: int | None = None


def numbers(query: Query) -> Select[Any]:
    """Numbers of the measurements that are wanted; raises UsageError for a query that is none."""
    if query.last is not None and query.last < 0:
        raise UsageError(f"the last {query.last} measurements are none")
    if unknown := set(query.levels) - set(LEVELS):
        raise UnknownNameError("verdict", str(unknown.pop()), LEVELS)
    joined = measurements.join(subjects).join(conditions)
    found = select(measurements.c.id).select_from(joined).where(*_conditions(query))
    if query.newest:
        found = _newest(found)
    if query.last is not None:
        chosen = measurements.c.id.in_(found)
        found = select(measurements.c.id).where(chosen).order_by(_NUMBER.desc()).limit(query.last)
    return found


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [measurements.c.level.in_(query.levels)]
    if query.device is not None:
        found.append(conditions.c.device == query.device)
    if query.collection is not None:
        found.append(subjects.c.collection == query.collection)
    if query.subject is not None:
        found += [subjects.c.collection == query.subject.collection]
        found += [subjects.c.key == query.subject.key]
    if query.condition is not None:
        found += same_condition(query.condition)
    for name, value in query.wanted.items():
        if name not in CONDITION_FIELDS:
            raise UnknownNameError("value of a condition", name, CONDITION_FIELDS)
        found.append(conditions.c[name] == stored(name, value))
    return found


def same_condition(condition: Condition) -> list[ColumnElement[bool]]:
    """That a row of table ``condition`` is this one."""
    row = condition_row(condition)
    return [conditions.c[name] == row[name] for name in IDENTITY_FIELDS]


def _newest(found: Select[Any]) -> Select[Any]:
    """Of those numbers, the last of every subject and condition."""
    age = func.row_number().over(
        partition_by=(measurements.c.condition_id, measurements.c.subject_id),
        order_by=_NUMBER.desc(),
    )
    aged = found.add_columns(age.label("age")).subquery()
    return select(aged.c.id).where(aged.c.age == 1)


def measurement_rows(wanted: Select[Any]) -> Select[Any]:
    """Measurements with their subjects, in the order of storing."""
    return (
        select(measurements, subjects.c.collection, subjects.c.key)
        .join(subjects)
        .where(measurements.c.id.in_(wanted))
        .order_by(_NUMBER)
    )


def block_rows(measurement_ids: Sequence[int]) -> Select[Any]:
    """Blocks of those measurements, each measurement's in their order."""
    wanted = blocks.c.measurement_id.in_(measurement_ids)
    return select(blocks).where(wanted).order_by(blocks.c.position)


def cells(wanted: Select[Any]) -> Select[Any]:
    """Latencies by number of subject and condition, in the order of storing."""
    return (
        select(measurements.c.subject_id, measurements.c.condition_id, measurements.c.latency_ms)
        .where(measurements.c.id.in_(wanted), measurements.c.latency_ms.is_not(None))
        .order_by(_NUMBER)
    )


def last_number(wanted: Select[Any]) -> Select[Any]:
    """Number of the measurement that was stored last of those wanted; NULL where there is none."""
    return select(func.max(_NUMBER)).where(_NUMBER.in_(wanted))


def summary() -> Select[Any]:
    """Counts per collection and condition, the one stored last coming last."""
    counted = _counted().subquery()
    first, last = measurements.alias("first_one"), measurements.alias("last_one")
    return (
        select(
            counted,
            first.c.measured_at.label("first"),
            last.c.measured_at.label("last"),
        )
        .join(first, first.c.id == counted.c.first_id)
        .join(last, last.c.id == counted.c.last_id)
        .order_by(counted.c.last_id)
    )


def _counted() -> Select[Any]:
    fields = [conditions.c[name] for name in CONDITION_FIELDS]
    counts = [
        func.sum(case((measurements.c.level == level, 1), else_=0)).label(level) for level in LEVELS
    ]
    return (
        select(
            subjects.c.collection,
            conditions.c.id.label("number"),
            *fields,
            func.count(func.distinct(measurements.c.subject_id)).label("subjects"),
            func.count().label("measurements"),
            *counts,
            func.min(_NUMBER).label("first_id"),
            func.max(_NUMBER).label("last_id"),
        )
        .select_from(measurements.join(subjects).join(conditions))
        .group_by(subjects.c.collection, conditions.c.id, *fields)
    )
