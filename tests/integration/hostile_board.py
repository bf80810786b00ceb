"""A board that plays a part: its ``python3`` is a script that lies, floods or falls silent.

Of all that latkit runs there, one program is played by a piece of Python, and all others are what
they should be. The piece sees ``words``, the command; ``say``, which writes a line; ``stay``, which
lives on whatever it is told; and ``relay(change)``, which runs the true program and lets ``change``
make of every answer what it will: a dictionary, bytes, or None for no answer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SCRIPT = """#!PYTHON
import json, os, signal, subprocess, sys, time

words = sys.argv[1:]
part = json.load(open(__file__ + ".part"))
program = "sent as text" if words[1] == "-" else os.path.basename(words[1])
DAY_NS = 86400 * 10**9
first = {}

def say(line):
    if isinstance(line, dict):
        line = json.dumps(line)
    os.write(1, line.encode() + b"\\n" if isinstance(line, str) else line)

def flood(stream, chunk):
    while True:
        os.write(stream, chunk)

def stay():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)

def relay(change):
    pipe = subprocess.PIPE
    true = subprocess.Popen([sys.executable, *words], stdin=pipe, stdout=pipe)
    say(change(None, json.loads(true.stdout.readline())))
    for line in sys.stdin.buffer:
        true.stdin.write(line)
        true.stdin.flush()
        changed = change(json.loads(line), json.loads(true.stdout.readline()))
        if changed is not None:
            say(changed)
    true.kill()

if program != part["program"]:
    os.execv(sys.executable, [sys.executable, *words])
exec(part["piece"])
"""


class HostileBoard:
    """A device of profile fields ``device``, whose Python plays a part; ``honest`` is the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "python3"
        self.python.write_text(SCRIPT.replace("PYTHON", sys.executable))
        self.python.chmod(0o755)
        remote = {"name": "board", "remote_dir": f"{folder}/device", "command_timeout_s": 30.0}
        self.honest: dict[str, Any] = {"transport": "local", **remote}
        self.device = self.honest | {"python": str(self.python), "command_timeout_s": 4.0}

    def play(self, program: str, piece: str) -> None:
        """From now on, one program is played."""
        part = {"program": program, "piece": piece}
        Path(f"{self.python}.part").write_text(json.dumps(part))
