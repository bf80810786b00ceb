"""The journal survives whatever happens to the process that writes it."""

from __future__ import annotations

import errno
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.errors import StoreError
from latkit.measure.journal import Journal, iso_time
from latkit.protocol import DeviceState
from tests.unit.measured import entry

ENTRIES = [
    entry(1e9, before=DeviceState(1500.0, 60.0, "ondemand", 0.5, 10, 2.0, 0)),
    entry(1e9 + 1, 4.0, canary=True),
    entry(1e9 + 2.5, 6.0, boot_id=None),
]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "folder" / "campaign.jsonl")


def test_what_is_written_is_read(journal: Journal):
    assert journal.read() == []
    for number, written in enumerate(ENTRIES, start=1):
        journal.append(written)
        assert Journal(journal.path).read() == ENTRIES[:number]


def test_wherever_it_is_cut_only_the_last_entry_is_lost(tmp_path: Path):
    whole = b"".join(written.encode() for written in ENTRIES)
    starts = [0, len(ENTRIES[0].encode()), len(ENTRIES[0].encode() + ENTRIES[1].encode())]
    for cut in (*range(1, len(whole), 97), *starts[1:], *(s - 1 for s in starts[1:])):
        journal = Journal(tmp_path / f"{cut}.jsonl")
        journal.path.write_bytes(whole[:cut])
        kept = journal.read()
        assert kept == ENTRIES[: len(kept)]
        assert len(kept) >= sum(start <= cut for start in starts) - 1
        journal.append(ENTRIES[2])
        assert journal.read() == [*kept, ENTRIES[2]]


@given(st.binary(max_size=200))
def test_garbage_is_passed_over(tmp_path_factory: pytest.TempPathFactory, garbage: bytes):
    journal = Journal(tmp_path_factory.mktemp("garbage") / "x.jsonl")
    journal.path.write_bytes(garbage)
    assert journal.read() == []
    journal.append(ENTRIES[0])
    assert journal.read() == [ENTRIES[0]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", math.inf),
        ("at", math.nan),
        ("at", 1e300),
        ("at", -1e300),
        ("at", None),
        ("collection", 1),
        ("key", ["|none~0|"]),
        ("canary", "no"),
        ("boot_id", []),
        ("block", None),
        ("block", {"event": "failed", "id": "1", "kind": "crash", "detail": ""}),
    ],
)
def test_a_damaged_entry_is_passed_over(journal: Journal, field: str, value: object):
    journal.append(ENTRIES[0])
    fields = json.loads(ENTRIES[1].encode())
    with journal.path.open("a") as file:
        file.write(json.dumps(fields | {field: value}) + "\n")
    journal.append(ENTRIES[2])
    found = journal.read()
    assert found == [ENTRIES[0], ENTRIES[2]]
    assert all(kept.time for kept in found)


IMPOSSIBLE = {"samples_ns": [1] * 501 + [86_400 * 10**9] * 499}


@pytest.mark.parametrize(
    "changes", [IMPOSSIBLE, {"samples_ns": [1] * 64}, {"before": {"temperature_c": 1e30}}]
)
def test_a_line_that_cannot_be_evaluated_is_set_aside(journal: Journal, changes: dict):
    journal.append(ENTRIES[0])
    fields = json.loads(ENTRIES[1].encode())
    bad = json.dumps(fields | {"block": fields["block"] | changes})
    with journal.path.open("a") as file:
        file.write(f"{bad}\n[\n\n")
    journal.append(ENTRIES[2])
    assert journal.set_aside() == 2
    assert journal.rejected.read_text() == f"{bad}\n[\n"
    assert journal.read() == [ENTRIES[0], ENTRIES[2]]
    assert journal.set_aside() == 0
    assert journal.rejected.read_text() == f"{bad}\n[\n"


def test_a_last_line_that_was_cut_is_not_set_aside(journal: Journal):
    journal.append(ENTRIES[0])
    with journal.path.open("ab") as file:
        file.write(ENTRIES[1].encode()[:-9])
    assert journal.set_aside() == 0
    assert not journal.rejected.exists()


@given(st.binary(max_size=200))
def test_any_garbage_is_set_aside(tmp_path_factory: pytest.TempPathFactory, garbage: bytes):
    journal = Journal(tmp_path_factory.mktemp("garbage") / "x.jsonl")
    journal.path.write_bytes(garbage + b"\n" + ENTRIES[0].encode())
    journal.set_aside()
    assert journal.path.read_bytes().strip(b"\n") + b"\n" == ENTRIES[0].encode()
    for line in filter(None, garbage.split(b"\n")):
        assert line + b"\n" in journal.rejected.read_bytes()


def test_keeping_some(journal: Journal):
    for written in ENTRIES:
        journal.append(written)
    journal.keep_only(ENTRIES[1:])
    assert journal.read() == ENTRIES[1:]
    journal.keep_only(())
    assert not journal.path.exists()
    journal.keep_only(())
    assert list(journal.path.parent.iterdir()) == []


def test_a_full_disk_is_said_and_loses_nothing(journal: Journal, monkeypatch):
    journal.append(ENTRIES[0])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("latkit.measure.journal.os.fsync", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        journal.append(ENTRIES[1])
    assert "same command" in (caught.value.hint or "")
    assert journal.read()[0] == ENTRIES[0]
    with pytest.raises(StoreError, match="No space left"):
        journal.keep_only(ENTRIES[2:])
    assert journal.read()[0] == ENTRIES[0]


def test_a_journal_that_cannot_be_read_is_an_error(tmp_path: Path):
    with pytest.raises(StoreError, match="cannot read"):
        Journal(tmp_path).read()


@given(st.lists(st.floats(0, 4e9), min_size=2, max_size=10))
def test_times_sort_as_text(moments: list[float]):
    ordered = sorted(moments)
    assert [iso_time(at) for at in ordered] == sorted(iso_time(at) for at in ordered)
