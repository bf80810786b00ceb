"""What a campaign knows and has not stored yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from latkit.measure.journal import Entry, Journal
from latkit.measure.ledger import Ledger
from latkit.subjects import Subject
from tests.unit.measured import ARCH, entry

OTHER = Subject("nb201", "|other|")
CANARY = Subject("nb201", "|canary|")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def ledger(
    journal: Journal,
    *entries: Entry,
    reference_ns: float | None = None,
    keep: Callable[[float], None] = lambda reference_ns: None,
) -> Ledger:
    made = Ledger(journal, 1, reference_ns, keep)
    for one in entries:
        made.add(one)
    return made


def canary(at: float, median_ms: float = 10.0, **changes):
    return entry(at, median_ms, arch=CANARY, canary=True, **changes)


def test_it_outlives_the_process(journal: Journal):
    ledger(journal, entry(1.0), entry(2.0, arch=OTHER), canary(3.0))
    again = ledger(journal)
    assert again.subjects() == (ARCH, OTHER)
    assert [e.at for e in again.of(ARCH)] == [1.0]


def test_a_canary_is_not_a_measurement_even_of_the_same_architecture(journal: Journal):
    known = ledger(journal, entry(1.0, canary=True))
    assert known.subjects() == ()
    assert known.of(ARCH) == []


def test_two_that_agree_are_complete(journal: Journal):
    known = ledger(journal, entry(1.0))
    assert not known.complete(ARCH)
    known.add(entry(2.0, 5.05))
    assert known.complete(ARCH)


def test_two_that_disagree_need_a_third(journal: Journal):
    known = ledger(journal, entry(1.0), entry(2.0, 6.0))
    assert not known.complete(ARCH)
    known.add(entry(3.0, 5.05))
    assert known.complete(ARCH)


def test_one_that_was_disturbed_does_not_count(journal: Journal):
    known = ledger(journal, entry(1.0), entry(2.0, 5.05, thread_cpu_ns=1))
    assert not known.complete(ARCH)
    known.add(entry(3.0, 5.05))
    assert known.complete(ARCH)


def test_after_four_no_more_are_asked(journal: Journal):
    known = ledger(journal, entry(1.0), entry(2.0, 6.0), entry(3.0, 7.0))
    assert not known.complete(ARCH)
    known.add(entry(4.0, 9.0))
    assert known.complete(ARCH)


def test_drift_explains_a_disagreement(journal: Journal):
    calm = [canary(float(at)) for at in range(6)]
    slow = [canary(float(at), 11.0) for at in range(10, 16)]
    known = ledger(journal, *calm, entry(3.0, 5.0), *slow, entry(15.5, 5.5))
    factors = [seen.factor for seen in known.sightings(ARCH)]
    assert factors[1] / factors[0] == pytest.approx(1.1, abs=0.01)
    assert known.complete(ARCH)


def test_what_was_timed_while_the_canary_changed_does_not_count(journal: Journal):
    calm = [canary(float(at)) for at in range(6)]
    slow = [canary(float(at), 11.0) for at in range(10, 20)]
    known = ledger(journal, *calm, *slow, entry(3.5, 5.0), entry(16.5, 5.5), entry(7.0, 5.2))
    assert known.complete(ARCH)
    known = ledger(journal, *calm, *slow, entry(3.5, 5.0, arch=OTHER), entry(7.0, arch=OTHER))
    assert [bool(seen.doubts) for seen in known.sightings(OTHER)] == [False, True]
    assert not known.complete(OTHER)


def test_without_canaries_drift_is_unknown(journal: Journal):
    known = ledger(journal, entry(1.0), entry(2.0))
    assert known.drift() is None
    assert [seen.drift for seen in known.sightings(ARCH)] == [None, None]
    assert known.reference_ns is None


def test_only_calm_canaries_make_a_reference_that_lasts(journal: Journal):
    kept: list[float] = []
    disturbed = [canary(float(at), 20.0, thread_cpu_ns=1) for at in range(3)]
    known = ledger(journal, *disturbed, keep=kept.append)
    assert known.reference_ns == pytest.approx(20e6, rel=0.01)
    assert kept == []
    known = ledger(journal, *(canary(float(at)) for at in range(3, 6)), keep=kept.append)
    assert known.reference_ns == pytest.approx(10e6, rel=0.01)
    assert kept == [known.reference_ns]


def test_a_reference_that_is_known_stays_until_a_canary_is_clearly_faster(journal: Journal):
    kept: list[float] = []
    slower = [canary(float(at), 14.0) for at in range(3)]
    known = ledger(journal, *slower, reference_ns=10e6, keep=kept.append)
    assert (known.reference_ns, kept) == (10e6, [])
    assert known.sightings(ARCH) == []
    for at in range(3, 12):
        known.add(canary(float(at), 9.0))
    assert known.reference_ns == pytest.approx(9e6, rel=0.01)
    assert kept[-1] == known.reference_ns


def test_a_reference_that_calm_canaries_contradict_is_raised_and_said(journal: Journal):
    kept: list[float] = []
    calm = [canary(float(at)) for at in range(3)]
    known = ledger(journal, *calm, entry(1.0), reference_ns=2e6, keep=kept.append)
    assert known.reference_ns == pytest.approx(10e6, rel=0.01)
    assert kept == [known.reference_ns]
    (seen,) = known.sightings(ARCH)
    assert seen.factor == pytest.approx(1.0, abs=0.02)
    assert "all along, and not 2 ms as was known" in seen.doubts[0]
    (later,) = ledger(journal, reference_ns=kept[0]).sightings(ARCH)
    assert later.doubts == ()


def test_disturbed_canaries_overrule_only_an_absurd_reference_and_only_for_now(journal: Journal):
    kept: list[float] = []
    disturbed = [canary(float(at), thread_cpu_ns=1) for at in range(3)]
    known = ledger(journal, *disturbed, entry(1.0), reference_ns=5e6, keep=kept.append)
    assert (known.reference_ns, kept) == (5e6, [])
    known = ledger(journal, reference_ns=1e4, keep=kept.append)
    assert (known.reference_ns, kept) == (pytest.approx(10e6, rel=0.01), [])
    assert "not 0.01 ms" in known.sightings(ARCH)[0].doubts[0]


@pytest.mark.parametrize("reference_ns", [1.0, 0.0, -5.0, float("nan")])
def test_a_reference_below_what_any_runtime_takes_is_none(journal: Journal, reference_ns: float):
    assert ledger(journal, entry(1.0), reference_ns=reference_ns).reference_ns is None


def test_what_the_journal_tells_of_the_reference_is_kept_too(journal: Journal):
    ledger(journal, *(canary(float(at)) for at in range(3)))
    kept: list[float] = []
    assert [ledger(journal, keep=kept.append).reference_ns] == kept


def test_tidying_drops_what_was_forgotten(journal: Journal):
    known = ledger(journal, entry(1.0), entry(2.0, arch=OTHER), canary(3.0))
    known.forget(lambda e: e.subject == ARCH)
    known.tidy()
    assert ledger(journal).subjects() == (OTHER,)
    known.forget(lambda e: e.subject == OTHER)
    known.tidy()
    assert not journal.path.exists()
