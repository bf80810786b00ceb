"""Blocks that are known but do not make a whole measurement yet, safe from any kill.

One JSON line a block, flushed to the disk before the next block begins. A campaign that is
killed finds them at its next start; a line that was cut in half is ignored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from latkit.errors import RunnerError, StoreError
from latkit.protocol import BlockEvent, parse_event
from latkit.types import Arch


@dataclass(frozen=True, slots=True)
class Entry:
    """One block: of which architecture, whether it is the canary, when, and in which boot."""

    arch: Arch
    canary: bool
    at: float
    boot_id: str | None
    block: BlockEvent

    def encode(self) -> str:
        """The entry as one line of JSON."""
        block = {"event": "block", **asdict(self.block)}
        fields: dict[str, Any] = {"space": self.arch.space, "arch": self.arch.text}
        fields |= {"canary": self.canary, "at": self.at, "boot_id": self.boot_id, "block": block}
        return json.dumps(fields, separators=(",", ":"))


class Journal:
    """The entries of unfinished measurements, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Entry]:
        """All entries that were written whole."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise StoreError(f"cannot read {self.path}: {problem.strerror}") from None
        return [entry for entry in map(_decode, lines) if entry is not None]

    def append(self, entry: Entry) -> None:
        """Write an entry so that it survives whatever comes; StoreError if the disk is full."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                _end_cut_line(file)
                file.write(entry.encode().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            raise StoreError(
                f"cannot write {self.path}: {problem.strerror}",
                "free some space and run the same command again; it goes on where it was",
            ) from None

    def keep_only(self, entries: Iterable[Entry]) -> None:
        """Replace the content in one step."""
        kept = [entry.encode() for entry in entries]
        if not kept:
            self.path.unlink(missing_ok=True)
            return
        temporary = self.path.with_suffix(".part")
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        temporary.replace(self.path)


def _end_cut_line(file: Any) -> None:
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _decode(line: str) -> Entry | None:
    try:
        fields = json.loads(line)
        block = parse_event(json.dumps(fields["block"]).encode())
        arch = Arch(fields["space"], fields["arch"])
        moment = float(fields["at"])
    except (ValueError, KeyError, TypeError, RunnerError):
        return None
    if not isinstance(block, BlockEvent):
        return None
    return Entry(arch, bool(fields["canary"]), moment, fields["boot_id"], block)
