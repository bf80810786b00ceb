"""What a campaign knows and has not stored yet: blocks of unfinished measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from latkit.measure import stats
from latkit.measure.drift import CanaryReference, drift_at
from latkit.measure.journal import Entry, Journal
from latkit.measure.plan import MAX_ROUNDS, ROUNDS
from latkit.measure.quality import MAX_DISAGREEMENT, calm
from latkit.types import Arch


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
        return self._reference.get(_medians(undisturbed), _medians(canaries))

    def drift(self, own: Sequence[Entry]) -> list[float] | None:
        """Slowness of the device during each entry; None where no canary told it."""
        reference_ns = self.reference_ns()
        canaries = self._canaries()
        if reference_ns is None or not canaries:
            return None
        moments = [e.at for e in canaries]
        return drift_at([e.at for e in own], moments, _medians(canaries), reference_ns)

    def complete(self, arch: Arch) -> bool:
        """Whether two processes agree on the latency, or a third was asked as well."""
        own = self.of(arch)
        if len(own) < ROUNDS:
            return False
        samples = [entry.block.samples_ns for entry in own]
        medians = stats.corrected_medians(samples, self.drift(own) or [1.0] * len(own))
        return len(own) >= MAX_ROUNDS or stats.disagreement(medians) <= MAX_DISAGREEMENT

    def _canaries(self) -> list[Entry]:
        return [entry for entry in self._entries if entry.canary]


def _medians(entries: Sequence[Entry]) -> list[float]:
    return [stats.median_interval(entry.block.samples_ns).median for entry in entries]
