"""What a campaign knows and has not stored yet: blocks of unfinished measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from latkit.measure.drift import CanaryReference, Drift
from latkit.measure.journal import Entry, Journal
from latkit.measure.plan import MAX_ROUNDS, ROUNDS
from latkit.measure.quality import Sighting, apart, calm, sighting
from latkit.measurement import Arch

AGREEMENT = 0.02
"""Processes that are no further apart say the same."""


class Ledger:
    """The journal's entries, in memory and on disk.

    Args:
        journal: where they are kept.
        reference: of the canary whose timings are among them.
        threads: that every model runs on.
    """

    def __init__(self, journal: Journal, reference: CanaryReference, threads: int) -> None:
        self._journal = journal
        self._threads = threads
        self._reference = reference
        self._entries = journal.read()

    def add(self, entry: Entry) -> None:
        """Keep an entry; it is on disk when this returns."""
        self._journal.append(entry)
        self._entries.append(entry)

    def archs(self) -> tuple[Arch, ...]:
        """Architectures of which there are blocks."""
        return tuple(dict.fromkeys(e.arch for e in self._entries if not e.canary))

    def of(self, arch: Arch) -> list[Entry]:
        """The blocks of an architecture, oldest first."""
        return [e for e in self._entries if e.arch == arch and not e.canary]

    def forget(self, unwanted: Callable[[Entry], bool]) -> None:
        """Drop the entries that are stored, or of no use any more."""
        self._entries = [entry for entry in self._entries if not unwanted(entry)]

    def tidy(self) -> None:
        """Bring the file to what is in memory; canaries go with the last block they watched."""
        self._journal.keep_only(self._entries if self.archs() else ())

    def reference_ns(self) -> float | None:
        """The canary's latency on the device in its usual state, once that is known."""
        canaries = self._canaries()
        undisturbed = [e for e in canaries if calm(e.block, self._threads)]
        return self._reference.get(_calm(undisturbed), _calm(canaries))

    def drift(self) -> Drift | None:
        """How fast the device was; None where no canary told it."""
        reference_ns = self.reference_ns()
        canaries = sorted(self._canaries(), key=lambda entry: entry.at)
        if reference_ns is None or not canaries:
            return None
        return Drift(tuple(e.at for e in canaries), tuple(_calm(canaries)), reference_ns)

    def sightings(self, arch: Arch) -> list[Sighting]:
        """The blocks of an architecture with what is to be said of each, oldest first."""
        drift = self.drift()
        return [sighting(entry, drift, self._threads) for entry in self.of(arch)]

    def complete(self, arch: Arch) -> bool:
        """Whether two undisturbed processes agree on the latency, or no more shall be asked."""
        asked = len(self.of(arch))
        if not ROUNDS <= asked < MAX_ROUNDS:
            return asked >= MAX_ROUNDS
        clean = [each for each in self.sightings(arch) if not each.doubts]
        return len(clean) >= ROUNDS and apart(clean) <= AGREEMENT

    def _canaries(self) -> list[Entry]:
        return [entry for entry in self._entries if entry.canary]


def _calm(entries: Sequence[Entry]) -> list[float]:
    return [entry.calm_ns for entry in entries]
