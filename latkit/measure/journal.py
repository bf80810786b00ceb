"""Blocks that are known but do not make a whole measurement yet, safe from any kill.

One JSON line a block, flushed to the disk before the next block begins. A campaign that is
killed finds them at its next start; a last line that was cut in half is ignored, and any other
that cannot be evaluated can be set aside.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from latkit.errors import RunnerError, StoreError
from latkit.files import append_private, private_folder, replacing
from latkit.measure import stats
from latkit.measure.plausible import contradiction
from latkit.plural import counted
from latkit.progress import Progress
from latkit.protocol import BlockEvent, parse_event
from latkit.subjects import Subject

_BESIDE_BLOCK = ("collection", "key", "canary", "at", "boot_id")
_DAMAGE = (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError, RunnerError)


@dataclass(frozen=True)
class Entry:
    """One block: of which subject, whether it is the canary, when, and in which boot.

    ``at`` is the host's time when the block was known, in seconds since 1970.
    """

    subject: Subject
    canary: bool
    at: float
    boot_id: str | None
    block: BlockEvent

    @property
    def time(self) -> str:
        """``at`` as ISO 8601 in UTC."""
        return iso_time(self.at)

    @cached_property
    def calm_ns(self) -> float:
        """The block's median while nothing disturbed it."""
        return stats.calm(self.block.samples_ns).median

    def encode(self) -> bytes:
        """The entry as one line of JSON."""
        block = {"event": "block", **asdict(self.block)}
        fields: dict[str, Any] = {"collection": self.subject.collection, "key": self.subject.key}
        fields |= {"canary": self.canary, "at": self.at, "boot_id": self.boot_id, "block": block}
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def iso_time(at: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; in the order of time when sorted as text."""
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="microseconds")


class Journal:
    """The entries of unfinished measurements, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def rejected(self) -> Path:
        """Where lines are that were set aside."""
        return self.path.with_suffix(".rejected")

    def read(self) -> list[Entry]:
        """All entries that were written whole and can be evaluated."""
        return [entry for entry in map(_decode, self._lines()) if entry is not None]

    def set_aside(self) -> int:
        """Move the lines that cannot be evaluated to the file ``rejected``; how many they were."""
        whole = [line for line in self._lines()[:-1] if line]
        bad = b"".join(line + b"\n" for line in whole if _decode(line) is None)
        if bad:
            with self._writing(), append_private(self.rejected) as file:
                _write_through(file, bad)
            self.keep_only(self.read())
        return bad.count(b"\n")

    def append(self, entry: Entry) -> None:
        """Write an entry so that it survives whatever comes; StoreError if the disk is full."""
        with self._writing(), append_private(self.path) as file:
            _end_cut_line(file)
            _write_through(file, entry.encode())

    def keep_only(self, entries: Iterable[Entry]) -> None:
        """Replace the content in one step."""
        content = b"".join(entry.encode() for entry in entries)
        with self._writing():
            if not content:
                self.path.unlink(missing_ok=True)
                return
            with replacing(self.path, private=True) as temporary, temporary.open("wb") as file:
                _write_through(file, content)

    def _lines(self) -> list[bytes]:
        """All of them; the last one is empty, or was cut."""
        try:
            return self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise StoreError(f"cannot read {self.path}: {problem.strerror}") from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            private_folder(self.path.parent)
            yield
        except OSError as problem:
            raise StoreError(
                f"cannot write {self.path}: {problem.strerror}",
                "free some space and run the same command again; it goes on where it was",
            ) from None


def tidied(path: Path, progress: Progress) -> Journal:
    """The journal at a path, after lines that cannot be evaluated were set aside, which is told."""
    journal = Journal(path)
    if number := journal.set_aside():
        lines = counted(number, "line")
        progress.warned(f"{lines} of {path} could not be evaluated: now in {journal.rejected}")
    return journal


def _end_cut_line(file: BinaryIO) -> None:
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _write_through(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _decode(line: bytes) -> Entry | None:
    try:
        fields = json.loads(line)
        block = parse_event(json.dumps(fields["block"]).encode())
        collection, key, canary, at, boot_id = (fields[name] for name in _BESIDE_BLOCK)
        iso_time(at)
    except _DAMAGE:
        return None
    texts = [collection, key] if boot_id is None else [collection, key, boot_id]
    if not all(isinstance(text, str) for text in texts) or not isinstance(canary, bool):
        return None
    if not isinstance(block, BlockEvent) or contradiction(block):
        return None
    return Entry(Subject(collection, key), canary, at, boot_id, block)
