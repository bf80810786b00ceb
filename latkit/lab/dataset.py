"""The dataset as people see it: what is in it, files in and out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latkit import spaces
from latkit.condition import Condition, device_name
from latkit.errors import ArchError, LatkitError, UsageError
from latkit.lab.among import among
from latkit.lab.imports import Imported, Survey
from latkit.lab.options import Options
from latkit.lab.options import wanted as wanted_by
from latkit.lab.workspace import Workspace
from latkit.measurement import LEVELS, Level, Measurement
from latkit.store import Query, Summary
from latkit.store.io import files, flat
from latkit.store.io.headers import EVERYTHING, Taken, Unit
from latkit.store.io.refusal import Refuse, raising
from latkit.subjects import Subject

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Dataset", "Unit", "read_file", "row", "summary_row"]


class Dataset:
    """All measurements of a lab."""

    def __init__(self, lab: Workspace) -> None:
        self._lab = lab

    @property
    def place(self) -> str:
        """Where it is kept, to be shown: without a password."""
        with self._lab.store() as store:
            return store.place

    def summary(self) -> list[Summary]:
        """How much there is of every collection under every condition, the last stored last."""
        with self._lab.store() as store:
            return store.summary()

    def find(
        self,
        device: str | None = None,
        space: str | None = None,
        *,
        subject: Subject | None = None,
        condition: Condition | None = None,
        wanted: Mapping[str, Any] | None = None,
        levels: Sequence[Level] = LEVELS,
        newest: bool = False,
        last: int | None = None,
        samples: bool = False,
    ) -> Iterator[Measurement]:
        """Measurements, in the order of storing, read as they are asked for.

        Args:
            device: of this device only.
            space: of this space only.
            subject: of this network only.
            condition: under this condition only.
            wanted: some of the condition's ``values``, as ``{"precision": "int8"}``.
            levels: how they were judged.
            newest: of every network and condition only what was stored last.
            last: so many at most, those stored last.
            samples: with raw samples.

        Raises UsageError where no device can be called so.
        """
        if device is not None:
            self._require_name(device)
        query = Query(device, space, subject, condition, wanted or {}, tuple(levels), newest, last)
        with self._lab.store() as store:
            yield from store.find(query, samples=samples)

    def require(self, device: str | None, space: str | None) -> None:
        """Raises UsageError for a device or a space that there is no measurement of."""
        if device is not None:
            self._require_name(device)
        if device is not None or space is not None:
            among(self.summary(), device, space)

    def export(self, file: str | Path, device: str | None = None, space: str | None = None) -> int:
        """Write measurements to a .csv, .json or .parquet file; returns how many.

        CSV has no raw samples. Raises UsageError for another suffix or an unknown name, StoreError
        where the file cannot be written.
        """
        path = Path(file)
        self.require(device, space)
        return flat.write(self.find(device, space, samples=path.suffix != ".csv"), path)

    def entries(
        self, device: str, space: str | None = None, options: Mapping[str, Any] | None = None
    ) -> list[Summary]:
        """What there is of a device, perhaps of one space and under conditions that options name.

        Raises UnknownNameError for a device or a space that the dataset does not have, and
        MeasurementsUnusable where nothing was measured so.
        """
        self._require_name(device)
        return among(self.summary(), device, space, wanted_by(options or {}))

    def _require_name(self, device: str) -> None:
        """Raises UsageError for what no device can be called, unless the dataset has it.

        What an earlier latkit imported may have any name.
        """
        try:
            device_name(device)
        except UsageError:
            if device not in {one.condition.board for one in self.summary()}:
                raise

    def remove(self, device: str, space: str | None = None, **options: Unpack[Options]) -> int:
        """Delete measurements of a device, those that ``entries`` tells of; returns how many.

        Predictors that were made from them stay.
        """
        entries = self.entries(device, space, options)
        with self._lab.store() as store:
            return sum(
                store.remove(Query(collection=one.collection, condition=one.condition))
                for one in entries
            )

    def import_(
        self,
        path: str | Path,
        space: str | None = None,
        *,
        columns: Sequence[str] = (),
        unit: Unit | None = None,
    ) -> Imported:
        """Add what a file or folder holds; see ``latkit dataset import --help``.

        It is read whole before anything is added, and then once more, so that it need not fit into
        memory. A row that is wrong is left out and told.

        Args:
            path: an export, a table, or a folder in HELP's layout.
            space: that of a table whose architectures do not tell.
            columns: headers of the columns that are latencies; by default all but ``arch``.
            unit: of the columns whose header names none; by default milliseconds.

        Raises UsageError or StoreError where it cannot be read, or nothing in it is right.
        """
        taken = Taken(tuple(columns), unit, space)
        survey = Survey(str(path))
        survey.count(read_file(Path(path), taken, survey.refuse))
        with self._lab.store() as store:
            added = store.add_read(read_file(Path(path), taken, lambda _: None))
        known, left_out = survey.found - added, tuple(one.message for one in survey.left_out)
        return Imported(added, known, survey.devices(), survey.wrong, left_out)


def summary_row(entry: Summary) -> dict[str, Any]:
    """A summary as a row of results."""
    return {
        "number": entry.number,
        "space": entry.collection,
        **entry.condition.row(),
        "networks": entry.subjects,
        "measurements": entry.measurements,
        "repeats": entry.repeats,
        "valid": entry.valid,
        "suspect": entry.suspect,
        "invalid": entry.invalid,
        "first": entry.first,
        "last": entry.last,
    }


def row(m: Measurement) -> dict[str, Any]:
    """A measurement as a row of results: what was measured, and how far to believe it."""
    return {
        "space": m.subject.collection,
        "arch": m.subject.key,
        **m.condition.row(),
        "latency_ms": m.latency_ms,
        "lower_ms": m.lower_ms,
        "upper_ms": m.upper_ms,
        "noise": m.noise,
        "energy_mj": m.energy_mj,
        "verdict": m.verdict.level,
        "reasons": list(m.verdict.reasons),
        "processes": len(m.blocks),
        "measured_at": m.measured_at,
    }


def read_file(
    path: Path, taken: Taken = EVERYTHING, refuse: Refuse = raising
) -> Iterator[Measurement]:
    """Measurements of a file or folder; some of its faults show only while this is iterated."""
    return files.read(
        path,
        parse=lambda name, text: spaces.get(name).parse(text),
        parse_any=lambda text: _parse_any(text, taken.space),
        taken=taken,
        refuse=refuse,
    )


def _parse_any(text: str, space: str | None) -> Subject:
    if space:
        return spaces.get(space).parse(text)
    for name in spaces.names():
        try:
            return spaces.get(name).parse(text)
        except LatkitError:  # also where another package's space cannot be loaded
            continue
    raise ArchError(f"no known space has the architecture {text[:60]!r}", "name it with --space")
