"""Adding measurements, inside one transaction of the only writer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, insert, select

from latkit.condition import Condition, device_name
from latkit.errors import StoreError, UsageError
from latkit.measurement import Measurement
from latkit.store.query import same_condition
from latkit.store.rows import block_rows, condition_row, measurement_row
from latkit.store.schema import blocks, conditions, measurements, subjects
from latkit.subjects import Subject

# Below the number of parameters that old SQLite versions take in one statement.
LOOKUP = 500

Item = TypeVar("Item")
# What tells two measurements of one subject under one condition apart.
Identity = tuple[int, int, str, float | None]


class Inserter:
    """Gives subjects and conditions their numbers, and inserts what refers to them.

    Numbers are remembered for the length of the transaction and no longer: a rollback would
    make them wrong.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._subjects: dict[Subject, int] = {}
        self._conditions: dict[Condition, int] = {}

    def add(self, found: Sequence[Measurement]) -> None:
        """Insert measurements, in their order."""
        self._number(found)
        for sampled, run in groupby(found, key=lambda measurement: bool(measurement.blocks)):
            if sampled:
                self._add_with_blocks(run)
            else:
                rows = _without_empty_columns([self._row(measurement) for measurement in run])
                self._connection.execute(insert(measurements), rows)

    def add_missing(self, found: Sequence[Measurement], seen: Counter[Identity]) -> int:
        """Insert those that are not there yet; returns how many.

        What occurs more often in an import than in the dataset is inserted as often as that.
        ``seen`` counts what came in the import before these, and is kept up to date.
        """
        self._number(found)
        known = self._stored({self._conditions[measurement.condition] for measurement in found})
        missing = []
        for measurement in found:
            identity = self._identity(measurement)
            seen[identity] += 1
            if known[identity] < seen[identity]:
                known[identity] += 1
                missing.append(measurement)
        self.add(missing)
        return len(missing)

    def _identity(self, measurement: Measurement) -> Identity:
        return *self._numbers_of(measurement), measurement.measured_at, measurement.latency_ms

    def _add_with_blocks(self, found: Iterable[Measurement]) -> None:
        for measurement in found:
            number = self._insert_one(measurements, self._row(measurement))
            self._connection.execute(insert(blocks), block_rows(number, measurement.blocks))

    def _row(self, measurement: Measurement) -> dict[str, Any]:
        subject_id, condition_id = self._numbers_of(measurement)
        return measurement_row(measurement, subject_id, condition_id)

    def _numbers_of(self, measurement: Measurement) -> tuple[int, int]:
        return self._subjects[measurement.subject], self._conditions[measurement.condition]

    def _number(self, found: Sequence[Measurement]) -> None:
        # dict, not set: subjects are numbered in the order in which they come.
        new = [one for one in dict.fromkeys(m.subject for m in found) if one not in self._subjects]
        if new:
            self._subjects |= self._subject_ids(new)
        for condition in dict.fromkeys(measurement.condition for measurement in found):
            if condition not in self._conditions:
                self._conditions[condition] = self.condition_id(condition)

    def _subject_ids(self, wanted: Sequence[Subject]) -> dict[Subject, int]:
        found = self._find_subjects(wanted)
        absent = [subject for subject in wanted if subject not in found]
        if absent:
            rows = [{"collection": one.collection, "key": one.key} for one in absent]
            self._connection.execute(insert(subjects), rows)
            found |= self._find_subjects(absent)
        return found

    def _find_subjects(self, wanted: Sequence[Subject]) -> dict[Subject, int]:
        found = {}
        collection = attrgetter("collection")
        for name, group in groupby(sorted(wanted, key=collection), collection):
            for some in batches(group, LOOKUP):
                keys = subjects.c.key.in_([subject.key for subject in some])
                query = select(subjects).where(subjects.c.collection == name, keys)
                for row in self._connection.execute(query):
                    found[Subject(row.collection, row.key)] = row.id
        return found

    def condition_id(self, condition: Condition) -> int:
        """The number of a condition, which is inserted where it is new.

        Raises StoreError where no device can be called as that of a new one.
        """
        query = select(conditions.c.id).where(*same_condition(condition))
        found = self._connection.execute(query).scalar()
        if found is None:
            _require_device(condition)
            return self._insert_one(conditions, condition_row(condition))
        return int(found)

    def _insert_one(self, table: Table, row: dict[str, Any]) -> int:
        key = self._connection.execute(insert(table), row).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _stored(self, condition_ids: set[int]) -> Counter[Identity]:
        """What is stored under conditions, and how often."""
        names = ("subject_id", "condition_id", "measured_at", "latency_ms")  # as in Identity
        found: Counter[Identity] = Counter()
        for some in batches(sorted(condition_ids), LOOKUP):
            query = select(*(measurements.c[name] for name in names))
            rows = self._connection.execute(query.where(measurements.c.condition_id.in_(some)))
            found.update(tuple(row) for row in rows)
        return found


def _require_device(condition: Condition) -> None:
    try:
        device_name(condition.board)
    except UsageError as problem:
        raise StoreError(problem.message, problem.hint) from None


def _without_empty_columns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Published labels have none of the other figures; leaving them out saves a third of the time.
    filled = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    return [{name: row[name] for name in filled} for row in rows]


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of at most ``size`` successive items."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
