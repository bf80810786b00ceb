"""How a campaign goes, told to whoever wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latkit.measurement import Measurement
    from latkit.subjects import Subject


class Progress:
    """Is told how a campaign goes, and says nothing of it. Override what is of interest."""

    def planned(self, blocks: int, known: int) -> None:
        """So many blocks are to be timed; so many subjects were measured before."""

    def timed(self, subject: Subject, latency_ms: float | None) -> None:
        """One block of a subject was timed (None: it failed)."""

    def warned(self, message: str) -> None:
        """Something is amiss, but the campaign goes on."""

    def measured(self, measurement: Measurement) -> None:
        """A measurement is complete and stored."""
