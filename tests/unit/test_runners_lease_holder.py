"""The program that holds a device's lease."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from latkit.devices.runners import runner_file


def test_holder_refuses_a_second_and_ends_with_its_input(tmp_path: Path):
    command = [sys.executable, str(runner_file("lease_holder.py")), f"latkit-test-{tmp_path}", "me"]
    first = subprocess.Popen(
        [*command, "0", "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout
        assert first.stdin
        assert json.loads(first.stdout.readline()) == {"state": "held"}
        second = subprocess.run([*command, "0", "60"], input="", capture_output=True, check=True)
        assert json.loads(second.stdout) == {"state": "busy", "holder": "me"}
        first.stdin.close()
        assert first.wait(10) == 0
