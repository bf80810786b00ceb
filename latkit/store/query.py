"""What is asked of the database, as SQL expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select

from latkit.measurement import LEVELS, Level, Setting
from latkit.store.rows import SETTING_FIELDS, setting_row
from latkit.store.schema import archs, blocks, measurements, settings

_OLDEST_FIRST = (measurements.c.measured_at, measurements.c.id)


def matching(
    space: str | None, device: str | None, setting: Setting | None, levels: Sequence[Level]
) -> Select[Any]:
    """Numbers of the measurements that meet all conditions; None stands for no condition."""
    conditions: list[ColumnElement[bool]] = [measurements.c.level.in_(levels)]
    if space is not None:
        conditions.append(archs.c.space == space)
    if device is not None:
        conditions.append(settings.c.device == device)
    if setting is not None:
        row = setting_row(setting)
        conditions += [settings.c[name] == row[name] for name in SETTING_FIELDS]
    joined = measurements.join(archs).join(settings)
    return select(measurements.c.id).select_from(joined).where(*conditions)


def newest(numbers: Select[Any]) -> Select[Any]:
    """Of those numbers, that of the newest measurement of every architecture and setting."""
    age = func.row_number().over(
        partition_by=(measurements.c.setting_id, measurements.c.arch_id),
        order_by=[column.desc() for column in _OLDEST_FIRST],
    )
    aged = numbers.add_columns(age.label("age")).subquery()
    return select(aged.c.id).where(aged.c.age == 1)


def measurement_rows(numbers: Select[Any]) -> Select[Any]:
    """Measurements with their architectures, oldest first."""
    return (
        select(measurements, archs.c.space, archs.c.text)
        .join(archs)
        .where(measurements.c.id.in_(numbers))
        .order_by(*_OLDEST_FIRST)
    )


def block_rows(numbers: Select[Any]) -> Select[Any]:
    """Blocks of those measurements, each measurement's in their order."""
    return select(blocks).where(blocks.c.measurement_id.in_(numbers)).order_by(blocks.c.position)


def cells(numbers: Select[Any]) -> Select[Any]:
    """Latencies by number of architecture and setting, oldest first."""
    return (
        select(measurements.c.arch_id, measurements.c.setting_id, measurements.c.latency_ms)
        .where(measurements.c.id.in_(numbers), measurements.c.latency_ms.is_not(None))
        .order_by(*_OLDEST_FIRST)
    )


def summary() -> Select[Any]:
    """Counts per space and setting, the one measured last coming last."""
    fields = [settings.c[name] for name in SETTING_FIELDS]
    last = func.max(measurements.c.measured_at).label("last")
    counts = [
        func.sum(case((measurements.c.level == level, 1), else_=0)).label(level) for level in LEVELS
    ]
    return (
        select(
            archs.c.space,
            settings.c.id.label("number"),
            *fields,
            func.count(func.distinct(measurements.c.arch_id)).label("archs"),
            func.count().label("measurements"),
            *counts,
            func.min(measurements.c.measured_at).label("first"),
            last,
        )
        .select_from(measurements.join(archs).join(settings))
        .group_by(archs.c.space, settings.c.id, *fields)
        .order_by(last, func.max(measurements.c.id))
    )
