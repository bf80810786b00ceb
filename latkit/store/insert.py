"""Adding measurements, inside one transaction of the only writer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, insert, select

from latkit.measurement import Arch, Measurement, Setting
from latkit.store.rows import SETTING_FIELDS, block_rows, measurement_row, setting_row
from latkit.store.schema import archs, blocks, measurements, settings

BATCH = 10_000
# Below the number of parameters that old SQLite versions take in one statement.
LOOKUP = 500

Item = TypeVar("Item")
# What tells two measurements of one architecture under one setting apart.
_Identity = tuple[int, int, str, float | None]


class Inserter:
    """Gives architectures and settings their numbers, and inserts what refers to them.

    Numbers are remembered for the length of the transaction and no longer: a rollback would
    make them wrong.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._archs: dict[Arch, int] = {}
        self._settings: dict[Setting, int] = {}
        self._known: Counter[_Identity] = Counter()
        self._looked_up: set[int] = set()

    def add(self, found: Sequence[Measurement]) -> None:
        """Insert measurements, in their order."""
        self._number(found)
        for sampled, run in groupby(found, key=lambda measurement: bool(measurement.blocks)):
            if sampled:
                self._add_with_blocks(run)
            else:
                rows = _without_empty_columns([self._row(measurement) for measurement in run])
                self._connection.execute(insert(measurements), rows)

    def add_missing(self, found: Iterable[Measurement]) -> int:
        """Insert those that are not there yet; returns how many.

        What occurs more often in ``found`` than in the dataset is inserted as often as that.
        """
        added = 0
        for batch in batches(found, BATCH):
            self._number(batch)
            self._look_up({self._settings[measurement.setting] for measurement in batch})
            missing = [measurement for measurement in batch if not self._is_known(measurement)]
            self.add(missing)
            added += len(missing)
        return added

    def _is_known(self, measurement: Measurement) -> bool:
        identity = (
            self._archs[measurement.arch],
            self._settings[measurement.setting],
            measurement.measured_at,
            measurement.latency_ms,
        )
        if not self._known[identity]:
            return False
        self._known[identity] -= 1
        return True

    def _add_with_blocks(self, found: Iterable[Measurement]) -> None:
        for measurement in found:
            number = self._insert_one(measurements, self._row(measurement))
            self._connection.execute(insert(blocks), block_rows(number, measurement.blocks))

    def _row(self, measurement: Measurement) -> dict[str, Any]:
        arch_id, setting_id = self._archs[measurement.arch], self._settings[measurement.setting]
        return measurement_row(measurement, arch_id, setting_id)

    def _number(self, found: Sequence[Measurement]) -> None:
        # dict, not set: architectures are numbered in the order in which they come.
        new = [arch for arch in dict.fromkeys(m.arch for m in found) if arch not in self._archs]
        if new:
            self._archs |= self._arch_ids(new)
        for setting in dict.fromkeys(measurement.setting for measurement in found):
            if setting not in self._settings:
                self._settings[setting] = self._setting_id(setting)

    def _arch_ids(self, wanted: Sequence[Arch]) -> dict[Arch, int]:
        found = self._find_archs(wanted)
        absent = [arch for arch in wanted if arch not in found]
        if absent:
            rows = [{"space": arch.space, "text": arch.text} for arch in absent]
            self._connection.execute(insert(archs), rows)
            found |= self._find_archs(absent)
        return found

    def _find_archs(self, wanted: Sequence[Arch]) -> dict[Arch, int]:
        found = {}
        for space, group in groupby(sorted(wanted, key=attrgetter("space")), attrgetter("space")):
            for some in batches(group, LOOKUP):
                texts = [arch.text for arch in some]
                query = select(archs).where(archs.c.space == space, archs.c.text.in_(texts))
                for row in self._connection.execute(query):
                    found[Arch(row.space, row.text)] = row.id
        return found

    def _setting_id(self, setting: Setting) -> int:
        row = setting_row(setting)
        same = [settings.c[name] == row[name] for name in SETTING_FIELDS]
        found = self._connection.execute(select(settings.c.id).where(*same)).scalar()
        return self._insert_one(settings, row) if found is None else int(found)

    def _insert_one(self, table: Table, row: dict[str, Any]) -> int:
        key = self._connection.execute(insert(table), row).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _look_up(self, setting_ids: set[int]) -> None:
        """Note what is stored under settings that this transaction has not looked at yet."""
        names = ("arch_id", "setting_id", "measured_at", "latency_ms")  # as in _Identity
        new = sorted(setting_ids - self._looked_up)
        self._looked_up |= setting_ids
        for some in batches(new, LOOKUP):
            query = select(*(measurements.c[name] for name in names))
            rows = self._connection.execute(query.where(measurements.c.setting_id.in_(some)))
            self._known.update(tuple(row) for row in rows)


def _without_empty_columns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Published labels have none of the other figures; leaving them out saves a third of the time.
    filled = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    return [{name: row[name] for name in filled} for row in rows]


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of at most ``size`` successive items."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
