"""Figures that others have published: Spearman with 20 samples, their own protocols.

They are quoted beside our tables, never mixed into them: NASFLAT and HELP score all
architectures, and on N1-N4 and NA all 15,625 instead of the 1,999 that every device shares.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quoted:
    """One published row: Spearman by task."""

    method: str
    source: str
    spearman: dict[str, float]


_TASKS = ("ND", "N1", "N2", "N3", "N4", "NA", "FD", "F1", "F2", "F3", "F4", "FA")
_PAPER = "Akhauri & Abdelfattah, 'On Latency Predictors for NAS', MLSys 2024"


def _row(method: str, source: str, *values: float) -> Quoted:
    return Quoted(method, source, dict(zip(_TASKS, values, strict=True)))


QUOTED = (
    _row(
        "HELP",
        f"Lee et al., 'HELP', NeurIPS 2021, as reported by {_PAPER}",
        *(0.948, 0.604, 0.509, 0.729, 0.746, 0.410),
        *(0.910, 0.793, 0.543, 0.413, 0.799, 0.370),
    ),
    _row(
        "MultiPredict",
        f"Akhauri & Abdelfattah, 'Multi-Predict', AutoML 2023, as reported by {_PAPER}",
        *(0.930, 0.970, 0.757, 0.947, 0.952, 0.820),
        *(0.960, 0.756, 0.567, 0.434, 0.763, 0.450),
    ),
    _row(
        "NASFLAT",
        f"{_PAPER}; the released code goes on training from target to target",
        *(0.959, 0.967, 0.857, 0.962, 0.959, 0.893),
        *(0.961, 0.809, 0.871, 0.814, 0.734, 0.577),
    ),
)
