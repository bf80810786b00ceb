"""What a campaign knows and has not stored yet: blocks of unfinished measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from latkit.measure.drift import ABSURD, CONTRADICTION, Drift, better_reference_ns, makeshift_ns
from latkit.measure.journal import Entry, Journal
from latkit.measure.plan import MAX_ROUNDS, ROUNDS
from latkit.measure.plausible import MIN_LATENCY_NS
from latkit.measure.quality import Sighting, apart, calm, sighting
from latkit.subjects import Subject

AGREEMENT = 0.02
"""Processes that are no further apart say the same."""


class Ledger:
    """The journal's entries, in memory and on disk.

    Args:
        journal: where they are kept.
        threads: that every model runs on.
        reference_ns: what the canary takes when nothing disturbs it, as far as is known.
        keep: told of a better reference, to be remembered.
        earlier_ns: what earlier campaigns found the canary to take.
    """

    def __init__(
        self,
        journal: Journal,
        threads: int,
        reference_ns: float | None,
        keep: Callable[[float], None],
        earlier_ns: Callable[[], Sequence[float]] = tuple,
    ) -> None:
        self._journal = journal
        self._threads = threads
        self._kept_ns = reference_ns if (reference_ns or 0.0) >= MIN_LATENCY_NS else None
        self._contradicted_ns: float | None = None
        self._keep = keep
        self._earlier_ns = earlier_ns
        self._entries = journal.read()
        self._learn()

    def add(self, entry: Entry) -> None:
        """Keep an entry; it is on disk when this returns."""
        self._journal.append(entry)
        self._entries.append(entry)
        if entry.canary:
            self._learn()

    @property
    def latest(self) -> float:
        """The time of the last entry, in seconds since 1970; 0 without any."""
        return max((entry.at for entry in self._entries), default=0.0)

    def subjects(self) -> tuple[Subject, ...]:
        """Subjects of which there are blocks."""
        return tuple(dict.fromkeys(e.subject for e in self._entries if not e.canary))

    def of(self, subject: Subject) -> list[Entry]:
        """The blocks of a subject, oldest first."""
        return [e for e in self._entries if e.subject == subject and not e.canary]

    def forget(self, unwanted: Callable[[Entry], bool]) -> None:
        """Drop the entries that are stored, or of no use any more."""
        self._entries = [entry for entry in self._entries if not unwanted(entry)]

    def tidy(self) -> None:
        """Bring the file to what is in memory; canaries go with the last block they watched."""
        self._journal.keep_only(self._entries if self.subjects() else ())

    @property
    def reference_ns(self) -> float | None:
        """The canary's latency on the device in its usual state, once that is known.

        One that is absurd beside what this campaign finds does not count in it, calm or not.
        """
        found = makeshift_ns(_calm(self._canaries()))
        if self._kept_ns is None or (found or 0.0) > ABSURD * self._kept_ns:
            return found
        return self._kept_ns

    @property
    def found_ns(self) -> float | None:
        """What it takes in this campaign while nothing disturbs it, once that is known."""
        return makeshift_ns(_calm(self._undisturbed()))

    def drift(self) -> Drift | None:
        """How fast the device was; None where no canary told it."""
        reference_ns = self.reference_ns
        canaries = sorted(self._canaries(), key=lambda entry: entry.at)
        if reference_ns is None or not canaries:
            return None
        return Drift(tuple(e.at for e in canaries), tuple(_calm(canaries)), reference_ns)

    def sightings(self, subject: Subject) -> list[Sighting]:
        """The blocks of a subject with what is to be said of each, oldest first."""
        drift, doubts = self.drift(), tuple(self._doubts())
        seen = [sighting(entry, drift, self._threads) for entry in self.of(subject)]
        return [replace(each, doubts=each.doubts + doubts) for each in seen]

    def complete(self, subject: Subject) -> bool:
        """Whether two undisturbed processes agree on the latency, or no more shall be asked."""
        asked = len(self.of(subject))
        if not ROUNDS <= asked < MAX_ROUNDS:
            return asked >= MAX_ROUNDS
        clean = [each for each in self.sightings(subject) if not each.doubts]
        return len(clean) >= ROUNDS and apart(clean) <= AGREEMENT

    def _learn(self) -> None:
        timings_ns = _calm(self._undisturbed())
        better_ns = better_reference_ns(self._kept_ns, timings_ns, self._earlier_ns)
        if better_ns is not None:
            if self._kept_ns and better_ns > CONTRADICTION * self._kept_ns:
                self._contradicted_ns = self._kept_ns
            self._kept_ns = better_ns
            self._keep(better_ns)

    def _doubts(self) -> Iterator[str]:
        """What speaks against all blocks: a reference that turned out to be wrong."""
        known_ns, found_ns = self._contradicted_ns or self._kept_ns, self.reference_ns
        if known_ns and found_ns and found_ns > CONTRADICTION * known_ns:
            yield (
                f"drift: the canary network takes {found_ns / 1e6:.3g} ms all along, and not "
                f"{known_ns / 1e6:.3g} ms as was known of it"
            )

    def _undisturbed(self) -> list[Entry]:
        return [entry for entry in self._canaries() if calm(entry.block, self._threads)]

    def _canaries(self) -> list[Entry]:
        return [entry for entry in self._entries if entry.canary]


def _calm(entries: Sequence[Entry]) -> list[float]:
    return [entry.calm_ns for entry in entries]
