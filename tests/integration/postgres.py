"""A private PostgreSQL server: its own data, a socket in a folder of its own, no network port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import needs


def _program(name: str) -> str | None:
    # Debian keeps the server's programs out of PATH, in a folder per version.
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(installed[-1]) if installed else shutil.which(name)


def _unprivileged() -> list[str]:
    """What goes before a command: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    users = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in ("postgres", "nobody") if name in users), None)
    if user is None or shutil.which("runuser") is None:
        needs.lacking(
            "PostgreSQL does not run as root, and there is no other user to run it as",
            "make a user named postgres, and install runuser (Debian: util-linux)",
        )
    return ["runuser", "-u", user, "--"]


@contextmanager
def running() -> Iterator[str]:
    """URL of a server without its database; skips the test where there is none to start."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra 'postgres')")
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None:
        needs.lacking("no PostgreSQL server here", "apt-get install postgresql")
    user = _unprivileged()
    # Not tmp_path: a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="latkit-pg-"))
    data = folder / "data"
    if user:
        shutil.chown(folder, user[2])
    try:
        _run(*user, initdb, "-D", data, "-U", "latkit", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses='' -F"
        _run(*user, pg_ctl, "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://latkit@/{{database}}?host={folder}"
        finally:
            _run(*user, pg_ctl, "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str | Path) -> None:
    # Not captured by pipes: the server that pg_ctl leaves behind would keep them open.
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    assert done.returncode == 0, f"{command} left with {done.returncode}"
