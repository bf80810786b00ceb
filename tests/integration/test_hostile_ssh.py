"""A server that misbehaves in the language of SSH itself, or in the middle of a campaign."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from tests.integration.hostile_campaign import Measure, outcome, require_message, require_recovery
from tests.integration.hostile_ssh import answering, drip, pour, serving
from tests.integration.sshd import running_sshd

NO_SSH = {
    "silent": lambda connection: time.sleep(600),
    "gone": lambda connection: connection.close(),
    "another protocol": lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "a greeting without end": lambda connection: pour(connection.sendall),
    "lines without end": lambda connection: pour(connection.sendall, b"no SSH\r\n" * 999),
    "a drip": drip,
    "a greeting and then noise": lambda connection: (
        connection.sendall(b"SSH-2.0-x\r\n"),
        pour(connection.sendall, bytes(range(256))),
    ),
}
ANSWERS = {
    "silent": lambda channel: time.sleep(600),
    "gone": lambda channel: channel.close(),
    "the whole link gone": lambda channel: channel.get_transport().close(),
    "a success that says nothing": lambda channel: (
        channel.send_exit_status(0),
        channel.close(),
    ),
    "a status that is none": lambda channel: (
        channel.send_exit_status(2**32 - 1),
        channel.close(),
    ),
    "output without end": lambda channel: pour(channel.sendall),
    "complaints without end": lambda channel: pour(channel.sendall_stderr),
    "a home and no more": lambda channel: (channel.sendall(b"/home/x\n"), time.sleep(600)),
}
DEVICE = {
    "name": "board",
    "remote_dir": "~/of-the-tests",
    "connect_timeout_s": 4.0,
    "command_timeout_s": 4.0,
}


@pytest.mark.parametrize("serve", NO_SSH.values(), ids=NO_SSH)
def test_a_server_that_does_not_speak_ssh(tmp_path, ssh_home, monkeypatch, measure, serve):
    with serving(tmp_path / "ssh", serve) as config:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(config))
        require_message(outcome(lambda: measure(DEVICE)))


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_server_that_does_not_run_commands(tmp_path, ssh_home, monkeypatch, measure, answer):
    key = tmp_path / "ssh" / "host_key"

    def serve(connection):
        answering(key, answer)(connection)

    with serving(tmp_path / "ssh", serve) as config:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(config))
        require_message(outcome(lambda: measure(DEVICE)))


FORCED = """#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
*{part}*) [ -e {away} ] || {{ {piece}; }} ;;
esac
exec sh -c "$SSH_ORIGINAL_COMMAND"
"""
PARTS = {
    "a runner that is silent": ("harness.py", "exec sleep 600"),
    "a runner that floods": ("harness.py", "exec cat /dev/zero"),
    "a runner that complains for ever": ("harness.py", "exec cat /dev/zero >&2"),
    "a runner that ignores signals": ("harness.py", "trap '' TERM HUP; while :; do sleep 1; done"),
    "a lease that floods": ("lease_holder.py", "exec yes"),
    "a lease that is silent": ("lease_holder.py", "exec sleep 600"),
    "a state that complains for ever": ("state.py", "exec cat /dev/zero >&2"),
    "no folder is ever made": ("mkdir", "exec sleep 600"),
    "a link that dies": ("harness.py", "kill -9 $PPID"),
}


@pytest.mark.parametrize(("part", "piece"), PARTS.values(), ids=PARTS)
def test_a_server_that_misbehaves_in_the_middle(
    tmp_path: Path, ssh_home: Path, monkeypatch, measure: Measure, part: str, piece: str
):
    forced, away = tmp_path / "forced", tmp_path / "away"
    forced.write_text(FORCED.format(part=part, piece=piece, away=shlex.quote(str(away))))
    forced.chmod(0o755)
    device = DEVICE | {"remote_dir": f"{tmp_path}/device", "python": sys.executable}
    with running_sshd(tmp_path / "sshd", options=f"ForceCommand {forced}") as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        require_message(outcome(lambda: measure(device)))
        away.touch()
        require_recovery(measure, device | {"command_timeout_s": 30.0})
