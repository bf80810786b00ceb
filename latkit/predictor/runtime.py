"""Asking an adapted predictor: onnxruntime and numpy, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latkit.errors import BundleError, UsageError
from latkit.latencies import Latencies
from latkit.predictor import graph_file
from latkit.predictor.graph_file import DOUBLE, MAX_BYTES
from latkit.predictor.session import CHUNK, INPUT, open_session, output_shapes, require_outputs
from latkit.reading import parse_json, read_bytes

if TYPE_CHECKING:
    import onnxruntime

FORMAT = 1
METADATA_KEY = "latkit"
FEW_SAMPLES = 8
"""With fewer, intervals are wide, and a predictor stands back behind one of more."""
OUTPUTS = ["mean_ms", "lower_ms", "upper_ms"]
_AGAIN = "adapt and export again; see 'latkit adapt --help'"


class AdaptedFile:
    """A predictor of one device, space and condition, as ``latkit adapt`` writes it.

    ``metadata`` tells what it was made from: condition, samples, level, notes.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, metadata: Mapping[str, Any], origin: str
    ) -> None:
        self._session = session
        self.metadata = metadata
        self.origin = origin
        self.positions = int(metadata["positions"])
        self._operations = len(metadata["operations"])

    @classmethod
    def load(cls, path: Path) -> AdaptedFile:
        """Read a predictor; raises BundleError where the file is damaged or not one."""
        try:
            return cls.of(read_bytes(path, MAX_BYTES), str(path))
        except OSError as problem:
            raise BundleError(f"cannot read {path}: {problem.strerror}") from None

    @classmethod
    def of(cls, content: bytes, origin: str) -> AdaptedFile:
        """The predictor that is the content of a file; raises BundleError naming its origin."""
        try:
            graph = graph_file.read(content)
            metadata = parse_json(graph.metadata[METADATA_KEY])
            if metadata["format"] != FORMAT:
                raise ValueError(f"it has format {str(metadata['format'])[:40]}, not {FORMAT}")
            require_outputs(graph, dict.fromkeys(OUTPUTS, DOUBLE))
            if set(output_shapes(graph, metadata["positions"]).values()) != {(CHUNK,)}:
                raise ValueError("it does not answer with one latency an architecture")
            return cls(open_session(content), metadata, origin)
        except Exception as problem:  # onnxruntime's own exceptions share no base class
            words = str(problem).splitlines()[0][:200] if str(problem) else type(problem).__name__
            raise BundleError(
                f"{origin} is damaged, or no predictor of latkit's: {words}", _AGAIN
            ) from None

    def predict(self, operations: NDArray[np.int64]) -> Latencies:
        """Latencies of architectures given as operation indices, shape (n, positions).

        Raises UsageError where the shape is wrong or an index out of range, BundleError where what
        it answers can be no latencies.
        """
        indices = np.ascontiguousarray(operations, dtype=np.int64)
        if indices.ndim != 2 or indices.shape[1] != self.positions:
            raise UsageError(f"expected (n, {self.positions}) operations, got {indices.shape}")
        if indices.size and not 0 <= indices.min() <= indices.max() < self._operations:
            raise UsageError(f"operation indices must be 0 to {self._operations - 1}")
        if not len(indices):
            return Latencies(np.empty(0), np.empty(0), np.empty(0))
        chunks = [indices[i : i + CHUNK] for i in range(0, len(indices), CHUNK)]
        columns = zip(*map(self._ask, chunks), strict=True)
        mean, lower, upper = (np.concatenate(column) for column in columns)
        if not np.all(np.isfinite(upper) & (lower > 0) & (lower <= mean) & (mean <= upper)):
            raise BundleError(f"{self.origin} answers with what can be no latencies", _AGAIN)
        return Latencies(mean, lower, upper)

    def _ask(self, chunk: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        try:
            found: list[NDArray[np.float64]] = self._session.run(OUTPUTS, {INPUT: chunk})
        except Exception as problem:  # as above
            words = str(problem).splitlines()[0][:200]
            raise BundleError(f"{self.origin} cannot be run: {words}", _AGAIN) from None
        return found
