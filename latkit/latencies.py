"""Predicted latencies: the one form in which every predictor answers."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latkit.condition import Condition, listed
from latkit.csv_cells import defused
from latkit.errors import MissingDependency
from latkit.files import write_whole
from latkit.subjects import Subject

Floats = NDArray[np.float64]

LEVEL = 0.9
"""The probability that an interval claims."""
FIGURES = ("mean_ms", "lower_ms", "upper_ms")
IDENTITY = ("space", "arch")


@dataclass(frozen=True, slots=True, eq=False)
class Latencies:
    """Predicted latencies: centre and central interval, in ms.

    Args:
        mean_ms: shape (n,).
        lower_ms: shape (n,); NaN from a predictor that knows no interval.
        upper_ms: likewise.
        subjects: what is predicted, n of them or, where that is not known, none.
        condition: under which the latencies would be measured, where that is known.

    Raises:
        ValueError: the arrays differ in shape, or the subjects in number.
    """

    mean_ms: Floats
    lower_ms: Floats
    upper_ms: Floats
    subjects: tuple[Subject, ...] = ()
    condition: Condition | None = None

    def __post_init__(self) -> None:
        shapes = [np.shape(getattr(self, name)) for name in FIGURES]
        if len(shapes[0]) != 1 or len(set(shapes)) > 1:
            raise ValueError(f"{', '.join(FIGURES)} must have one shape (n,), got {shapes}")
        if self.subjects and len(self.subjects) != len(self):
            raise ValueError(f"{len(self.subjects)} subjects for {len(self)} latencies")

    def __len__(self) -> int:
        return len(self.mean_ms)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Latencies:
        """Some of them: where a mask, shape (n,), is true, or those of these numbers, in order."""
        chosen = np.arange(len(self))[rows]
        subjects = tuple(self.subjects[i] for i in chosen) if self.subjects else ()
        mean, lower, upper = (getattr(self, name)[chosen] for name in FIGURES)
        return Latencies(mean, lower, upper, subjects, self.condition)

    def rows(self) -> list[dict[str, Any]]:
        """One plain dict for each: space and arch, the condition, as far as known; the figures."""
        columns = [getattr(self, name).tolist() for name in FIGURES]
        figures = [dict(zip(FIGURES, row, strict=True)) for row in zip(*columns, strict=True)]
        condition = self.condition.row() if self.condition else {}
        known = [{"space": s.collection, "arch": s.key} for s in self.subjects]
        return [
            own | condition | row
            for own, row in zip(known or [{}] * len(self), figures, strict=True)
        ]

    def to_csv(self, path: str | Path | None = None) -> str:
        """The rows as CSV, a header first; written to ``path`` as well, whole or not at all.

        Raises LatkitError where the file cannot be written.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_cells, self.rows()))
        if path is not None:
            write_whole(Path(path), text.getvalue().encode("utf-8"))
        return text.getvalue()

    def to_frame(self) -> Any:
        """The rows as a pandas DataFrame; raises MissingDependency without pandas."""
        try:
            import pandas
        except ImportError:
            raise MissingDependency("pandas", "frame", "a table of latencies") from None
        return pandas.DataFrame(self.rows(), columns=list(self._columns))

    @property
    def _columns(self) -> tuple[str, ...]:
        identity = IDENTITY if self.subjects else ()
        condition = tuple(self.condition.row()) if self.condition else ()
        return (*identity, *condition, *FIGURES)


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a CSV file has it: processors as a person writes them, and no formulas."""
    plain = row | {"affinity": listed(row["affinity"])} if "affinity" in row else row
    return {name: defused(value) for name, value in plain.items()}
