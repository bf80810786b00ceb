"""The dataset of measurements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from operator import attrgetter
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Row, Select, Table, case, func, select
from sqlalchemy.dialects import postgresql, sqlite

from latkit.errors import MeasurementsUnusable
from latkit.store import database, samples
from latkit.store.schema import SETTING_FIELDS, archs, blocks, measurements, settings
from latkit.types import LEVELS, Arch, Block, Level, Measurement, Setting, Verdict

USABLE: tuple[Level, ...] = ("valid", "suspect")
CHUNK = 5_000
_FIGURES = ("latency_ms", "lower_ms", "upper_ms", "p10_ms", "p90_ms", "noise")


@dataclass(frozen=True, slots=True)
class LatencyTable:
    """Latencies of many architectures (rows) on many devices (columns); NaN where absent."""

    archs: list[Arch]
    devices: list[str]
    latency_ms: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SettingSummary:
    """How much the dataset holds of one setting and space."""

    space: str
    setting: Setting
    archs: int
    measurements: int
    suspect: int
    invalid: int
    first: str
    last: str


class Store:
    """Measurements on disk; every ``add`` is committed when it returns.

    Several processes may write at once. All failures of the database are StoreErrors.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Store:
        """The dataset at a SQLAlchemy URL, created or migrated where need be."""
        return cls(database.connect(url))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, measurement: Measurement) -> None:
        """Store one measurement; one that is stored already is left as it is."""
        self.add_many([measurement])

    def add_many(self, found: Iterable[Measurement]) -> int:
        """Store measurements in one transaction; returns how many were new."""
        added = 0
        with database.writing(self._engine) as connection:
            remaining = iter(found)
            arch_ids: dict[Arch, int] = {}
            setting_ids: dict[Setting, int] = {}
            while chunk := list(islice(remaining, CHUNK)):
                added += _insert(connection, chunk, arch_ids, setting_ids)
        return added

    def measurements(
        self,
        *,
        space: str | None = None,
        device: str | None = None,
        setting: Setting | None = None,
        levels: Sequence[Level] = LEVELS,
        with_samples: bool = False,
    ) -> list[Measurement]:
        """All measurements that match, oldest first; raw samples only on request."""
        query = _filtered(space, device, setting, levels)
        with database.reading(self._engine) as connection:
            rows = connection.execute(query.order_by(measurements.c.id)).all()
            found = _blocks(connection, [row.id for row in rows]) if with_samples else {}
        return [_measurement(row, found.get(row.id, ())) for row in rows]

    def latest(
        self,
        *,
        space: str | None = None,
        device: str | None = None,
        setting: Setting | None = None,
        levels: Sequence[Level] = USABLE,
    ) -> list[Measurement]:
        """The newest measurement of every architecture and setting that matches."""
        matching = _filtered(space, device, setting, levels).subquery()
        newest = select(func.max(matching.c.id)).group_by(matching.c.arch_id, matching.c.setting_id)
        query = _joined().where(measurements.c.id.in_(newest)).order_by(measurements.c.id)
        with database.reading(self._engine) as connection:
            return [_measurement(row) for row in connection.execute(query)]

    def summary(self) -> list[SettingSummary]:
        """One entry per space and setting, in the order in which they were first measured."""
        counted = [
            func.count(func.distinct(measurements.c.arch_id)).label("archs"),
            func.count().label("measurements"),
            *(
                func.sum(case((measurements.c.level == level, 1), else_=0)).label(level)
                for level in ("suspect", "invalid")
            ),
            func.min(measurements.c.measured_at).label("first"),
            func.max(measurements.c.measured_at).label("last"),
        ]
        fields = [settings.c[name] for name in SETTING_FIELDS]
        query = (
            select(archs.c.space, *fields, *counted)
            .select_from(_TABLES)
            .group_by(archs.c.space, settings.c.id, *fields)
            .order_by(func.min(measurements.c.id))
        )
        names = ("archs", "measurements", "suspect", "invalid", "first", "last")
        with database.reading(self._engine) as connection:
            return [
                SettingSummary(
                    row.space, _setting(row), **{name: row._mapping[name] for name in names}
                )
                for row in connection.execute(query)
            ]

    def table(self, space: str, devices: Sequence[str] | None = None) -> LatencyTable:
        """Newest usable latency of every architecture on every device, as a matrix.

        Raises MeasurementsUnusable where a device asked for has none.
        """
        query = (
            select(archs.c.text, settings.c.device, measurements.c.latency_ms)
            .select_from(_TABLES)
            .where(archs.c.space == space, measurements.c.level.in_(USABLE))
            .where(measurements.c.latency_ms.is_not(None))
            .order_by(measurements.c.id)
        )
        if devices is not None:
            query = query.where(settings.c.device.in_(devices))
        with database.reading(self._engine) as connection:
            rows = connection.execute(query).all()
        texts, names, values = ([row[i] for row in rows] for i in range(3))
        return _matrix(space, texts, names, values, devices)


_TABLES = measurements.join(archs).join(settings)


def _joined() -> Select[Any]:
    fields = [settings.c[name] for name in SETTING_FIELDS]
    return select(measurements, archs.c.space, archs.c.text, *fields).select_from(_TABLES)


def _filtered(
    space: str | None, device: str | None, setting: Setting | None, levels: Sequence[Level]
) -> Select[Any]:
    query = _joined().where(measurements.c.level.in_(levels))
    if space is not None:
        query = query.where(archs.c.space == space)
    if device is not None:
        query = query.where(settings.c.device == device)
    if setting is not None:
        query = query.where(*_same_setting(setting))
    return query


def _same_setting(setting: Setting) -> list[Any]:
    return [settings.c[name] == value for name, value in asdict(setting).items()]


def _insert(
    connection: Connection,
    chunk: Sequence[Measurement],
    arch_ids: dict[Arch, int],
    setting_ids: dict[Setting, int],
) -> int:
    """Insert measurements; the ids of architectures and settings met are added to the caches."""
    for setting in {measurement.setting for measurement in chunk} - setting_ids.keys():
        setting_ids[setting] = _setting_id(connection, setting)
    new = {measurement.arch for measurement in chunk} - arch_ids.keys()
    arch_ids |= _arch_ids(connection, new)
    plain = [_row(m, arch_ids, setting_ids) for m in chunk if not m.blocks]
    added = _insert_new(connection, measurements, plain)
    for measurement in chunk:
        if measurement.blocks:
            row = _row(measurement, arch_ids, setting_ids)
            added += _insert_sampled(connection, row, measurement.blocks)
    return added


def _setting_id(connection: Connection, setting: Setting) -> int:
    _insert_new(connection, settings, [asdict(setting)])
    query = select(settings.c.id).where(*_same_setting(setting))
    return int(connection.execute(query).scalar_one())


def _insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert rows that no unique constraint knows yet; returns how many there were."""
    if not rows:
        return 0
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table).on_conflict_do_nothing()
    return connection.execute(insert, list(rows)).rowcount


def _insert_sampled(connection: Connection, row: dict[str, Any], found: Sequence[Block]) -> int:
    if not _insert_new(connection, measurements, [row]):
        return 0
    key = [measurements.c[name] == row[name] for name in ("arch_id", "setting_id", "measured_at")]
    number = connection.execute(select(measurements.c.id).where(*key)).scalar_one()
    packed = [
        {
            "measurement_id": number,
            "cold_ns": block.cold_ns,
            "thread_cpu_ns": block.thread_cpu_ns,
            "involuntary_switches": block.involuntary_switches,
            "samples": samples.pack(block.samples_ns),
        }
        for block in found
    ]
    connection.execute(blocks.insert(), packed)
    return 1


def _arch_ids(connection: Connection, wanted: set[Arch]) -> dict[Arch, int]:
    rows = [{"space": arch.space, "text": arch.text} for arch in sorted(wanted, key=str)]
    _insert_new(connection, archs, rows)
    found: dict[Arch, int] = {}
    for space, group in groupby(sorted(wanted, key=attrgetter("space")), attrgetter("space")):
        remaining = iter([arch.text for arch in group])
        while texts := list(islice(remaining, 500)):
            query = select(archs).where(archs.c.space == space, archs.c.text.in_(texts))
            for row in connection.execute(query):
                found[Arch(row.space, row.text)] = row.id
    return found


def _row(
    measurement: Measurement, arch_ids: dict[Arch, int], setting_ids: dict[Setting, int]
) -> dict[str, Any]:
    verdict = measurement.verdict
    return {
        "arch_id": arch_ids[measurement.arch],
        "setting_id": setting_ids[measurement.setting],
        "level": verdict.level,
        "reasons": json.dumps(verdict.reasons) if verdict.reasons else None,
        **{name: getattr(measurement, name) for name in _FIGURES},
        "context": json.dumps(dict(measurement.context)) if measurement.context else None,
        "measured_at": measurement.measured_at,
    }


def _setting(row: Row[Any]) -> Setting:
    return Setting(**{name: row._mapping[name] for name in SETTING_FIELDS})


def _measurement(row: Row[Any], found: tuple[Block, ...] = ()) -> Measurement:
    return Measurement(
        arch=Arch(row.space, row.text),
        setting=_setting(row),
        verdict=Verdict(row.level, tuple(json.loads(row.reasons)) if row.reasons else ()),
        **{name: row._mapping[name] for name in _FIGURES},
        blocks=found,
        context=json.loads(row.context) if row.context else {},
        measured_at=row.measured_at,
    )


def _blocks(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[Block, ...]]:
    found: dict[int, tuple[Block, ...]] = {}
    remaining = iter(numbers)
    while chunk := list(islice(remaining, 500)):
        query = select(blocks).where(blocks.c.measurement_id.in_(chunk)).order_by(blocks.c.id)
        for row in connection.execute(query):
            times = (samples.unpack(row.samples), row.thread_cpu_ns, row.involuntary_switches)
            own = found.get(row.measurement_id, ())
            found[row.measurement_id] = (*own, Block(row.cold_ns, *times))
    return found


def _matrix(
    space: str,
    texts: Sequence[str],
    names: Sequence[str],
    values: Sequence[float],
    devices: Sequence[str] | None,
) -> LatencyTable:
    columns = {
        name: i for i, name in enumerate(devices if devices is not None else sorted({*names}))
    }
    absent = [name for name in columns if name not in set(names)]
    if absent:
        raise MeasurementsUnusable(
            f"the dataset has no usable {space} latencies of {', '.join(absent)}",
            "'latkit dataset info' shows what it has",
        )
    rows = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    latency_ms = np.full((len(rows), len(columns)), np.nan)
    # Rows are in the order of measurement, so that the newest label is the one that stays.
    latency_ms[[rows[text] for text in texts], [columns[name] for name in names]] = values
    return LatencyTable([Arch(space, text) for text in rows], list(columns), latency_ms)
