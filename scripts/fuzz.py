"""Fuzzing of everything that reads strangers' data; see ``scripts/fuzz``."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fuzz_coverage
from fuzz_readers import Reader, readers
from fuzz_watch import Finding, Watched
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

BATCH = 100
KEPT = Path("fuzz-findings")
WORDS = [
    *(b"true", b"null", b"NaN", b"-Infinity", b"1e308", b"1e999", b"-1", b"0", b"9" * 5000),
    *(b"[" * 2000, b'{"a":' * 2000, b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r"),
    *(b'"', b"'", b",", b";", b"\t", b"\n", b"=cmd()", b"\x1b[31m", b"../..", b"\xe2\x80\xae"),
    *(b"\x80\x04", b"(", b"t", b"\x85", b"h\x00", b"\x94", b"2026-02-30", b"9999-12-31T23:59:59Z"),
    *(b"\xff" * 8, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"PK\x01\x02", b"PAR1"),
]
EDITS = ("replace", "insert", "delete", "repeat", "word", "cut")


@st.composite
def spoilt(draw: Any, seeds: Sequence[bytes]) -> bytes:
    """Sound input with a few edits, or no sound input at all."""
    content = draw(st.one_of(*[st.sampled_from(seeds)] * 5, st.binary(), st.text().map(_encoded)))
    for _ in range(draw(st.integers(1, 6))):
        content = _edited(draw, content)
    return content


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _edited(draw: Any, content: bytes) -> bytes:
    at = draw(st.integers(0, len(content)))
    end = min(len(content), at + draw(st.integers(1, 40)))
    before, there, after = content[:at], content[at:end], content[end:]
    match draw(st.sampled_from(EDITS)):
        case "replace":
            return before + draw(st.binary(max_size=8)) + after
        case "insert":
            return before + draw(st.binary(max_size=8)) + there + after
        case "delete":
            return before + after
        case "repeat":
            return before + there * draw(st.sampled_from([2, 10, 1000])) + after
        case "word":
            return (
                before + draw(st.sampled_from(WORDS)) + draw(st.sampled_from([there, b""])) + after
            )
        case _:
            return before


def campaign(names: Sequence[str], first: int, until: float, counts: Any, found: Any) -> None:
    """Read spoilt input, one reader after the other, until the time is over."""
    known = readers()
    with tempfile.TemporaryDirectory() as scratch:
        watched = Watched(Path(scratch))
        number = first
        while time.monotonic() < until:
            name = names[number % len(names)]
            _batch(watched, name, known[name], number, until, counts, found)
            number += 1
        watched.close()


def _batch(
    watched: Watched, name: str, reader: Reader, number: int, until: float, counts: Any, found: Any
) -> None:
    path = watched.folder / f"input.{reader.suffix}"

    @seed(hash((number, time.time_ns())))
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(spoilt(reader.seeds))
    def one(content: bytes) -> None:
        if time.monotonic() >= until:
            return
        path.write_bytes(content)
        if finding := watched.read(name, path):
            found.put((name, finding, content))
        counts.put(name)

    one()


def keep(name: str, finding: Finding, content: bytes) -> Path:
    """Write the smallest input of a finding, and what it did, where they can be looked at."""
    KEPT.mkdir(exist_ok=True)
    file = KEPT / f"{name}-{hashlib.sha256(finding.kind.encode()).hexdigest()[:8]}"
    if not file.exists() or len(content) < file.stat().st_size:
        file.write_bytes(content)
        file.with_suffix(".txt").write_text(f"{finding.kind}\n{finding.details}")
    return file


def main() -> int:
    """Fuzz for so many minutes; 1 where anything was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=5.0)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("readers", nargs="*", help="which ones (default: all)")
    asked = options.parse_args()
    names = asked.readers or list(readers())
    seconds = 60 * asked.minutes
    has_atheris = importlib.util.find_spec("atheris") is not None
    until = time.monotonic() + (seconds / 2 if has_atheris else seconds)
    counts, found = multiprocessing.Queue(), multiprocessing.Queue()
    running = [
        multiprocessing.Process(target=campaign, args=(names, job, until, counts, found))
        for job in range(asked.jobs)
    ]
    for process in running:
        process.start()
    read, findings = Counter[str](), []
    while any(process.is_alive() for process in running) or not counts.empty():
        time.sleep(0.2)
        while not counts.empty():
            read[counts.get()] += 1
        while not found.empty():
            findings.append(found.get())
    if has_atheris:
        findings += fuzz_coverage.campaign(names, seconds / 2)
    return report(read, findings)


def report(read: Counter[str], findings: Sequence[tuple[str, Finding, bytes]]) -> int:
    """Say what was read and found."""
    print(", ".join(f"{name} {count:,}" for name, count in sorted(read.items())))
    kinds = Counter((keep(*one), one[1].kind) for one in findings)
    for (file, kind), count in kinds.items():
        print(f"{file}: {kind} ({count:,} times)")
    print(f"{sum(read.values()):,} inputs, {len(kinds)} defects")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
