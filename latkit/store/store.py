"""The dataset of measurements."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, RowMapping, delete, insert, select, update

from latkit.condition import Condition
from latkit.errors import StoreError
from latkit.measurement import Measurement
from latkit.store import query
from latkit.store.damage import is_figure, leaving_out, require_texts
from latkit.store.database import connect, reading, writing
from latkit.store.failures import place
from latkit.store.insert import Identity, Inserter
from latkit.store.migrate import bring_up_to_date
from latkit.store.query import USABLE, Query, same_condition
from latkit.store.rows import block_of, condition_of, measurement_of
from latkit.store.schema import blocks, canaries, conditions, measurements, subjects
from latkit.store.table import Cell, LatencyTable, build_table
from latkit.subjects import Subject

Item = TypeVar("Item")

BATCH = 10_000
"""An import holds the writer's place for so many measurements at a time, each of which counts once
more for every hundred raw samples: for about a second.
"""
TURN_S = 0.15
"""And then leaves it to others: longer than SQLite's waiters sleep."""
READ_AT_ONCE = 200
EVERYTHING = Query()


@dataclass(frozen=True, slots=True)
class Summary:
    """How much the dataset holds of one collection under one condition.

    ``number`` is the condition's in this dataset and stays the same. ``measurements`` counts all of
    them, ``repeats`` those beyond the first of a subject; ``first`` and ``last`` are when those
    that were stored first and last were measured, empty for published labels.
    """

    number: int
    collection: str
    condition: Condition
    subjects: int
    measurements: int
    repeats: int
    valid: int
    suspect: int
    invalid: int
    first: str
    last: str


class Store:
    """Measurements that outlive the process: what ``add`` returned from is on disk.

    Several processes may write at once; each waits for its turn, and gives up with a StoreError
    when another holds the dataset for half a minute. Every failure of the database is a StoreError,
    and one that happens while writing leaves the dataset as it was before that transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, where: str | Path) -> Store:
        """The dataset in a SQLite file, or at a SQLAlchemy URL; created or migrated where need be.

        One that is read-only can be read, unless it would have to be migrated first. Raises
        StoreError where it cannot be opened, is damaged, or is not a dataset, and
        MissingDependency where a driver is not installed.
        """
        engine = connect(where)
        try:
            bring_up_to_date(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def place(self) -> str:
        """Where the dataset is, to be shown: without a password."""
        return place(self._engine.url)

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
        """Store those that the dataset lacks; returns how many.

        A measurement is there already if one of the same subject, condition, time and latency is.
        Importing a file twice therefore adds nothing twice, at the same time neither. All are read
        before any is stored, and stored batch by batch, so that a campaign beside it never waits
        for long. Of an import that was cut off whole batches are there; the same again adds the
        rest.
        """
        return self.add_read(list(found))

    def add_read(self, found: Iterable[Measurement]) -> int:
        """The same for more than fits into memory: each batch is stored when it has been read."""
        seen: Counter[Identity] = Counter()
        added = 0
        for number, batch in enumerate(_portions(found)):
            if number:
                time.sleep(TURN_S)
            with writing(self._engine) as connection:
                added += Inserter(connection).add_missing(batch, seen)
        return added

    def find(self, wanted: Query = EVERYTHING, *, samples: bool = False) -> Iterator[Measurement]:
        """Measurements that a query asks for, as they were stored, read as they are asked for.

        Their blocks of raw samples are read only with ``samples``. What is damaged is left out,
        and told by a LeftOut warning at the end.
        """
        chosen = query.measurement_rows(query.numbers(wanted))
        with leaving_out(self.place) as damaged, reading(self._engine) as connection:
            known = _conditions(connection)
            rows = connection.execution_options(yield_per=READ_AT_ONCE).execute(chosen)
            for part in rows.partitions():
                sampled = _blocks(connection, [row.id for row in part]) if samples else {}
                for row in part:
                    try:
                        own = tuple(block_of(block) for block in sampled.get(row.id, ()))
                        found = measurement_of(row, known[row.condition_id], own)
                    except StoreError as problem:
                        damaged.append(problem)
                    else:
                        yield found

    def remove(self, wanted: Query) -> int:
        """Delete the measurements that a query asks for, raw samples included; returns how many."""
        numbers = query.numbers(wanted)
        with writing(self._engine) as connection:
            connection.execute(delete(blocks).where(blocks.c.measurement_id.in_(numbers)))
            done = connection.execute(delete(measurements).where(measurements.c.id.in_(numbers)))
            return done.rowcount

    def last_number(self, wanted: Query = EVERYTHING) -> int:
        """Number of the measurement that was stored last of those wanted; 0 where there is none.

        Numbers rise in the order of storing: they tell what is newer, whatever a clock says.
        """
        with reading(self._engine) as connection:
            found = connection.execute(query.last_number(query.numbers(wanted))).scalar()
        return int(found or 0)

    def canary_reference_ns(self, condition: Condition, *models: str) -> float | None:
        """What a canary takes under a condition when nothing disturbs it; None: not known yet.

        Args:
            condition: under which it was timed.
            models: names of its model, the first that is known counts: its SHA-256, and that of its
                collection, under which datasets from before canaries were rows have it.
        """
        query = select(canaries.c.model, canaries.c.reference_ns).join(conditions)
        with reading(self._engine) as connection:
            found = connection.execute(query.where(*same_condition(condition)))
            known: dict[str, float] = {
                row.model: row.reference_ns for row in found if is_figure(row.reference_ns)
            }
        return next((known[model] for model in models if model in known), None)

    def keep_canary_reference(self, condition: Condition, model: str, reference_ns: float) -> None:
        """Remember what a canary takes, in place of what was known of its model."""
        with writing(self._engine) as connection:
            number = Inserter(connection).condition_id(condition)
            key = {"condition_id": number, "model": model}
            row = key | {"reference_ns": reference_ns}
            same = [canaries.c[name] == value for name, value in key.items()]
            known = connection.execute(select(canaries.c.reference_ns).where(*same)).scalar()
            if known is None:
                connection.execute(insert(canaries), row)
            elif reference_ns != known:
                connection.execute(update(canaries).where(*same).values(row))

    def summary(self) -> list[Summary]:
        """One entry per collection and condition, the one stored last coming last.

        What is damaged is left out, and told by a LeftOut warning.
        """
        found = []
        with leaving_out(self.place) as damaged, reading(self._engine) as connection:
            for row in connection.execute(query.summary()).mappings():
                try:
                    found.append(_summary_of(row))
                except StoreError as problem:
                    damaged.append(problem)
        return found

    def table(self, collection: str, devices: Sequence[str] | None = None) -> LatencyTable:
        """Newest usable latency of every subject on every device, as a matrix.

        Of several conditions of a device, the one that covers most subjects is taken, or of equals
        the one stored last. Columns come in the order of ``devices``, else by name.

        Raises MeasurementsUnusable where a device asked for has no usable latency.
        """
        wanted = query.numbers(Query(collection=collection, levels=USABLE, newest=True))
        with leaving_out(self.place) as damaged, reading(self._engine) as connection:
            known, names = _subjects(connection, collection), _conditions(connection)
            cells = []
            for row in connection.execute(query.cells(wanted)):
                if row.condition_id in names and is_figure(row.latency_ms):
                    cells.append(Cell(*row))
                else:
                    damaged.append(StoreError(f"latency_ms is {str(row.latency_ms)[:40]!r}"))
            return build_table(collection, cells, known, names, devices)


def _summary_of(row: RowMapping) -> Summary:
    require_texts(row, ("collection", "first", "last"), "what the dataset holds")
    return Summary(
        condition=condition_of(row),
        repeats=row["measurements"] - row["subjects"],
        **{name: row[name] for name in _COUNTED},
    )


_COUNTED = (
    "number",
    "collection",
    "subjects",
    "measurements",
    "valid",
    "suspect",
    "invalid",
    "first",
    "last",
)


def _portions(found: Iterable[Measurement]) -> Iterator[list[Measurement]]:
    """What is stored in one transaction each."""
    portion: list[Measurement] = []
    weight = 0
    for one in found:
        portion.append(one)
        weight += 1 + sum(len(block.samples_ns) for block in one.blocks) // 100
        if weight >= BATCH:
            yield portion
            portion, weight = [], 0
    if portion:
        yield portion


class _Numbered(dict[int, Item]):
    """What the database refers to by number; only damage makes a number be absent."""

    def __missing__(self, number: int) -> Item:
        raise StoreError(f"the dataset is damaged: it refers to number {number}, which is absent")


def _conditions(connection: Connection) -> _Numbered[Condition]:
    """All that are sound; what refers to another one is damaged."""
    found: _Numbered[Condition] = _Numbered()
    for row in connection.execute(select(conditions)).mappings():
        with suppress(StoreError):
            found[row["id"]] = condition_of(row)
    return found


def _subjects(connection: Connection, collection: str) -> _Numbered[Subject]:
    rows = connection.execute(select(subjects).where(subjects.c.collection == collection))
    return _Numbered({row.id: Subject(row.collection, row.key) for row in rows})


def _blocks(connection: Connection, measurement_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query.block_rows(measurement_ids)):
        found[row.measurement_id].append(row)
    return found
