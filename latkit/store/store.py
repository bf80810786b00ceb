"""The dataset of measurements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, select

from latkit.errors import StoreError
from latkit.measurement import LEVELS, Arch, Block, Level, Measurement, Setting
from latkit.store import query
from latkit.store.database import connect, reading, writing
from latkit.store.insert import Inserter
from latkit.store.migrate import bring_up_to_date
from latkit.store.rows import block_of, measurement_of, setting_of
from latkit.store.schema import archs, settings
from latkit.store.table import Cell, LatencyTable, build_table

Item = TypeVar("Item")

USABLE: tuple[Level, ...] = ("valid", "suspect")


@dataclass(frozen=True, slots=True)
class SettingSummary:
    """How much the dataset holds of one space under one setting.

    ``number`` is the setting's in this dataset and stays the same. ``measurements`` counts all of
    them, ``repeats`` those beyond the first of an architecture;
    ``first`` and ``last`` are times of measurement, empty for published labels.
    """

    number: int
    space: str
    setting: Setting
    archs: int
    measurements: int
    repeats: int
    valid: int
    suspect: int
    invalid: int
    first: str
    last: str


class Store:
    """Measurements that outlive the process: what ``add`` returned from is on disk.

    Several processes may write at once; each waits for its turn. Every failure of the database
    is a StoreError, and one that happens while writing leaves the dataset as it was.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Store:
        """The dataset at a SQLAlchemy URL, created or migrated where need be.

        Raises StoreError where it cannot be opened, is damaged, or is not a dataset, and
        MissingDependency where a driver is not installed.
        """
        engine = connect(url)
        try:
            bring_up_to_date(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

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
        """Store one measurement, in a transaction of its own; measuring again adds another."""
        with writing(self._engine) as connection:
            Inserter(connection).add([measurement])

    def add_many(self, found: Iterable[Measurement]) -> int:
        """Store, in one transaction, those that the dataset lacks; returns how many.

        A measurement is there already if one of the same architecture, setting, time and
        latency is. Importing a file twice therefore adds nothing twice.
        """
        with writing(self._engine) as connection:
            return Inserter(connection).add_missing(found)

    def measurements(
        self,
        *,
        space: str | None = None,
        device: str | None = None,
        setting: Setting | None = None,
        levels: Sequence[Level] = LEVELS,
        with_samples: bool = False,
    ) -> list[Measurement]:
        """All measurements that match, newest last; without blocks unless asked for them."""
        return self._read(query.matching(space, device, setting, levels), with_samples)

    def latest(
        self,
        *,
        space: str | None = None,
        device: str | None = None,
        setting: Setting | None = None,
        levels: Sequence[Level] = USABLE,
        with_samples: bool = False,
    ) -> list[Measurement]:
        """Of those that match, the newest of every architecture and setting; newest last."""
        chosen = query.newest(query.matching(space, device, setting, levels))
        return self._read(chosen, with_samples)

    def settings(self, device: str | None = None) -> list[Setting]:
        """Settings under which anything was measured, the one used last coming last."""
        found = (entry.setting for entry in reversed(self.summary()))
        chosen = dict.fromkeys(s for s in found if device in (None, s.device))
        return list(reversed(chosen))

    def summary(self) -> list[SettingSummary]:
        """One entry per space and setting, the one measured last coming last."""
        with reading(self._engine) as connection:
            rows = connection.execute(query.summary()).mappings().all()
        return [
            SettingSummary(
                setting=setting_of(row),
                repeats=row["measurements"] - row["archs"],
                **{name: row[name] for name in _COUNTED},
            )
            for row in rows
        ]

    def table(self, space: str, devices: Sequence[str] | None = None) -> LatencyTable:
        """Newest usable latency of every architecture on every device, as a matrix.

        Of several settings of a device, the one that covers most architectures is taken, or of
        equals the one measured last. Columns come in the order of ``devices``, else by name.

        Raises MeasurementsUnusable where a device asked for has no usable latency.
        """
        numbers = query.newest(query.matching(space, None, None, USABLE))
        with reading(self._engine) as connection:
            cells = [Cell(*row) for row in connection.execute(query.cells(numbers))]
            known = _archs(connection, space)
            return build_table(space, cells, known, _settings(connection), devices)

    def _read(self, numbers: Select[Any], with_samples: bool) -> list[Measurement]:
        with reading(self._engine) as connection:
            known = _settings(connection)
            blocks = _blocks(connection, numbers) if with_samples else {}
            return [
                measurement_of(row, known[row.setting_id], blocks.get(row.id, ()))
                for row in connection.execute(query.measurement_rows(numbers))
            ]


_COUNTED = (
    "number",
    "space",
    "archs",
    "measurements",
    "valid",
    "suspect",
    "invalid",
    "first",
    "last",
)


class _Numbered(dict[int, Item]):
    """What the database refers to by number; only damage makes a number be absent."""

    def __missing__(self, number: int) -> Item:
        raise StoreError(f"the dataset is damaged: it refers to number {number}, which is absent")


def _settings(connection: Connection) -> _Numbered[Setting]:
    rows = connection.execute(select(settings)).mappings()
    return _Numbered({row["id"]: setting_of(row) for row in rows})


def _archs(connection: Connection, space: str) -> _Numbered[Arch]:
    rows = connection.execute(select(archs).where(archs.c.space == space))
    return _Numbered({row.id: Arch(row.space, row.text) for row in rows})


def _blocks(connection: Connection, numbers: Select[Any]) -> dict[int, list[Block]]:
    found: dict[int, list[Block]] = defaultdict(list)
    for row in connection.execute(query.block_rows(numbers)):
        found[row.measurement_id].append(block_of(row))
    return found
