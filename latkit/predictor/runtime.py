"""Asking an adapted predictor: onnxruntime and numpy, nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latkit.errors import BundleError, UsageError
from latkit.latencies import Latencies

if TYPE_CHECKING:
    import onnxruntime

METADATA_KEY = "latkit"
FEW_SAMPLES = 8
"""With fewer, intervals are wide, and a predictor stands back behind one of more."""
OUTPUTS = ["mean_ms", "lower_ms", "upper_ms"]
CHUNK = 4096
"""Architectures predicted at once: large enough to be fast, small enough for a board's memory."""


class AdaptedFile:
    """A predictor of one device, space and condition, as ``latkit adapt`` writes it.

    ``metadata`` tells what it was made from: condition, samples, level, notes.
    """

    def __init__(self, session: onnxruntime.InferenceSession, metadata: Mapping[str, Any]) -> None:
        self._session = session
        self.metadata = metadata
        self.positions = int(metadata["positions"])
        self._operations = len(metadata["operations"])

    @classmethod
    def load(cls, path: Path) -> AdaptedFile:
        """Read a predictor; raises BundleError where the file is damaged or not one."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            content = path.read_bytes()
            session = onnxruntime.InferenceSession(content, options, providers=_PROVIDERS)
            metadata = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
            if {output.name for output in session.get_outputs()} != set(OUTPUTS):
                raise ValueError("its outputs are not those of a predictor")
            return cls(session, metadata)
        except OSError as problem:
            raise BundleError(f"cannot read {path}: {problem.strerror}") from None
        except Exception as problem:  # onnxruntime's own exceptions share no base class
            words = str(problem).splitlines()[0][:200] if str(problem) else type(problem).__name__
            raise BundleError(
                f"{path} is damaged, or no predictor of latkit's: {words}",
                "adapt and export again; see 'latkit adapt --help'",
            ) from None

    def predict(self, operations: NDArray[np.int64]) -> Latencies:
        """Latencies of architectures given as operation indices, shape (n, positions).

        Raises UsageError where the shape is wrong or an index out of range.
        """
        indices = np.ascontiguousarray(operations, dtype=np.int64)
        if indices.ndim != 2 or indices.shape[1] != self.positions:
            raise UsageError(f"expected (n, {self.positions}) operations, got {indices.shape}")
        if indices.size and not 0 <= indices.min() <= indices.max() < self._operations:
            raise UsageError(f"operation indices must be 0 to {self._operations - 1}")
        if not len(indices):
            return Latencies(np.empty(0), np.empty(0), np.empty(0))
        chunks = [indices[i : i + CHUNK] for i in range(0, len(indices), CHUNK)]
        found = [self._session.run(OUTPUTS, {"operations": chunk}) for chunk in chunks]
        mean, lower, upper = (np.concatenate(column) for column in zip(*found, strict=True))
        return Latencies(mean, lower, upper)


_PROVIDERS = ["CPUExecutionProvider"]
