"""Input that reaches new code of latkit, sought by atheris; see ``scripts/fuzz``.

As a program: fuzz_coverage.py READER SECONDS FOLDER.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fuzz_watch import LIMIT_S, Finding

RSS_LIMIT_MB = 1536
"""What atheris and all that is loaded take, and a gigabyte."""
PATIENCE_S = 60.0
"""What starting, and ending after the last input, may take beside the time that is given."""


def campaign(names: Sequence[str], seconds: float) -> list[tuple[str, Finding, bytes]]:
    """What is found in a share of the time for every reader."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            share = max(1, int(seconds / len(names)))
            if finding := _searched(name, share, scratch):
                inputs = [file.read_bytes() for file in Path(scratch).glob(f"{name}-*")]
                found.append((name, finding, inputs[0] if inputs else b""))
    return found


def _searched(name: str, seconds: int, scratch: str) -> Finding | None:
    command = [sys.executable, __file__, name, str(seconds), scratch]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds + PATIENCE_S
        )
    except subprocess.TimeoutExpired as late:
        return Finding("atheris did not end", str(late))
    runs = next((line for line in done.stderr.splitlines() if line.startswith("Done ")), "no end")
    print(f"atheris, {name}: {runs}", flush=True)
    if done.returncode == 0:
        return None
    return Finding(f"atheris ended with {done.returncode}", done.stderr[-3000:])


def _search(name: str, seconds: int, folder: Path) -> None:
    """Ends this process."""
    import atheris

    corpus = folder / name
    corpus.mkdir()
    with atheris.instrument_imports(include=["latkit"]):
        from fuzz_readers import readers

        from latkit.errors import LatkitError

        reader = readers()[name]
        path = folder / f"input.{reader.suffix}"

        def one(content: bytes) -> None:
            path.write_bytes(content)
            try:
                reader.read(path)
            except LatkitError:
                return

        for number, content in enumerate(reader.seeds):
            (corpus / str(number)).write_bytes(content)
            one(content)  # imports what is only imported where it is needed
    limits = [
        f"-max_total_time={seconds}", f"-timeout={LIMIT_S:g}", f"-rss_limit_mb={RSS_LIMIT_MB}",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={folder}/{name}-", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    _search(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
