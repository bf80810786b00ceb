"""Reading input in a process of its own, which may take so long, so much memory, and may crash."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 10.0
LIMIT_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """What input did: the kind tells defects apart, the details show where."""

    kind: str
    details: str


class Watched:
    """A process that reads files, begun again whenever one was its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None

    def read(self, name: str, path: Path) -> Finding | None:
        """Let the reader of that name read a file; None where all is well."""
        process = self._running()
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{name} {path}\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], LIMIT_S)
        answer = process.stdout.readline() if ready else ""
        if answer:
            kind, details = json.loads(answer)
            return Finding(kind, details) if kind else None
        return Finding(self._ended(bool(ready)), "")

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, __file__, str(self.folder)]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
            assert self._process.stdout
            self._process.stdout.readline()  # it is ready
        return self._process

    def _ended(self, crashed: bool) -> str:
        assert self._process
        status = self._process.wait() if crashed else None
        self.close()
        if status is None:
            return f"more than {LIMIT_S:g} s"
        return f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"


def _serve() -> None:
    """Read the files whose names come on standard input, and answer each with one line."""
    from fuzz_readers import readers

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    known = readers()
    for reader in known.values():
        _tried(reader, _scratch(reader, reader.seeds[0]))
    _limit_memory()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        name, _, path = line.rstrip("\n").partition(" ")
        print(json.dumps(_tried(known[name], Path(path))), file=answers, flush=True)


def _scratch(reader: Any, content: bytes) -> Path:
    path = Path(sys.argv[1]) / f"warm-{os.getpid()}.{reader.suffix}"
    path.write_bytes(content)
    return path


def _limit_memory() -> None:
    """Allow so much more than all that is loaded by now takes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _tried(reader: Any, path: Path) -> tuple[str, str]:
    from latkit.errors import LatkitError

    try:
        reader.read(path)
    except LatkitError as problem:
        kind = _bad_message(problem)
        return kind, problem.message[:500] if kind else ""
    except MemoryError:
        return "more than 1 GiB", traceback.format_exc(limit=-8)
    except BaseException as problem:
        frames = traceback.extract_tb(problem.__traceback__)
        own = next((one for one in reversed(frames) if "/latkit/" in one.filename), frames[-1])
        where = f"{Path(own.filename).name}:{own.lineno}"
        return f"{type(problem).__name__} at {where}", traceback.format_exc(limit=-12)
    return "", ""


def _bad_message(problem: Any) -> str:
    """What is wrong with a message, if anything: it is one line that fits a terminal."""
    if "MemoryError" in problem.message or "bad_alloc" in problem.message:
        return "more than 1 GiB"
    return f"{type(problem).__name__} of endless words" if len(problem.message) > 2_000 else ""


if __name__ == "__main__":
    _serve()
