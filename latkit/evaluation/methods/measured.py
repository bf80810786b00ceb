"""What source devices measured of an architecture, as a look-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latkit.errors import MeasurementsUnusable
from latkit.evaluation.method import Floats, Sources
from latkit.spaces.base import Indices


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows of the sources' table by the bytes of their operation indices."""

    rows: dict[bytes, int]
    latency_ms: Floats

    @classmethod
    def of(cls, sources: Sources) -> Measured:
        """All that the sources measured."""
        rows = {row.tobytes(): at for at, row in enumerate(sources.operations.astype(np.int64))}
        return cls(rows, sources.latency_ms)

    def __call__(self, operations: Indices) -> Floats:
        """Latencies in ms, shape (n, devices), NaN where a device lacks an architecture.

        Raises MeasurementsUnusable where no device has measured one of the architectures.
        """
        found = self.known(operations)
        unknown = int(np.isnan(found).all(axis=1).sum())
        if unknown:
            raise MeasurementsUnusable(
                f"{unknown} of {len(found)} architectures were measured on no source device",
                "methods that look latencies up predict only what a source has measured",
            )
        return found

    def known(self, operations: Indices) -> Floats:
        """The same, all of NaN for an architecture that no device has measured."""
        places = [self.rows.get(row.tobytes(), -1) for row in operations.astype(np.int64)]
        # An architecture that is not in the table finds the row of NaN at its end.
        absent = np.full((1, self.latency_ms.shape[1]), np.nan)
        return np.concatenate([self.latency_ms, absent])[places]
