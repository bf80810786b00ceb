"""Puts this computer into the state that measuring wants, and back whatever happens.

    python3 tuner.py hold FILE SILENCE_S [ROOT]
    python3 tuner.py status FILE [ROOT]

``hold`` sets the processors' governor to ``performance`` and fixes a Jetson's clocks, prints a
JSON line that says what it changed, and puts everything back when its standard input closes,
brings the line ``end``, or brings no byte for SILENCE_S seconds, and when it is ended by any
signal. A second process does that, which outlives the first even where that is killed. What is to
be put back is kept in FILE as well: where both were killed, the next ``hold`` does it first.

``status`` prints ``{"state": "held"}``, ``"left"`` where only FILE is left, or ``"free"``. Both
print ``"untrusted"`` with the reason where FILE may be somebody else's work, and do nothing then.
ROOT is where the kernel's files are, for tests.
"""

from __future__ import annotations

if __name__ == "__main__":
    import isolation  # noqa: F401

import json
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterable

WANTED = "performance"
BUSY_WAIT_S = 5.0
COMMAND_TIMEOUT_S = 20.0
MAX_KEPT_CHARACTERS = 1 << 18
ASTRAY = "it leads to another file"
SYSTEM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin"
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Governors:
    """Frequency governors, one file a group of processors that share a clock."""

    def __init__(self, root: str) -> None:
        cpufreq = Path(os.path.realpath(root), "sys/devices/system/cpu/cpufreq")
        found = sorted(str(file) for file in cpufreq.glob("policy*/scaling_governor"))
        self.files = [file for file in found if not astray(file)]
        self.astray = {file: ASTRAY for file in found if astray(file)}

    def knows(self, found: Any) -> bool:
        """Whether these are settings of this kernel, each with a value that it offers there."""
        return isinstance(found, dict) and all(
            file in self.files and isinstance(value, str) and value in offered(file)
            for file, value in found.items()
        )

    def read(self) -> dict[str, str]:
        """What is to be changed: path and present value, where the kernel offers the other."""
        return {
            file: value
            for file in self.files
            for value in [content(file)]
            if value not in ("", WANTED) and WANTED in offered(file)
        }

    def set(self, found: dict[str, str]) -> dict[str, str]:
        """Why each that was refused could not be changed."""
        return failures(dict.fromkeys(found, WANTED))

    def restore(self, found: dict[str, str]) -> dict[str, str]:
        """Why each that is not as it was could not be put back."""
        return failures(found)


class JetsonClocks:
    """NVIDIA's program that fixes all clocks of a Jetson, and can store and restore them.

    It writes ``file`` as root, and does as root what stands there.
    """

    def __init__(self, file: str) -> None:
        self.file = file + ".clocks"
        self.program = shutil.which("jetson_clocks", path=SYSTEM_PATH)

    def read(self) -> str | None:
        """Why the present clocks could not be stored; None where they were."""
        Path(self.file).unlink(missing_ok=True)
        return as_root([str(self.program), "--store", self.file])

    def set(self) -> str | None:
        return as_root([str(self.program)])

    def restore(self) -> str | None:
        distrust = suspicion(self.file, (0, os.geteuid()))
        failed = distrust or as_root([str(self.program), "--restore", self.file])
        if failed is None:
            Path(self.file).unlink(missing_ok=True)
        return failed


def astray(file: str) -> bool:
    """Whether a link leads from there to another file, which is no setting."""
    return os.path.realpath(file) != file


def content(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""


def offered(file: str) -> list[str]:
    return content(str(Path(file).with_name("scaling_available_governors"))).split()


def failures(values: dict[str, str]) -> dict[str, str]:
    reasons = {file: written(file, value) for file, value in values.items()}
    return {file: reason for file, reason in reasons.items() if reason}


def written(file: str, value: str) -> str | None:
    """None where the file holds the value now, or else why it does not."""
    reason = None
    if content(file) == value:
        return None
    if astray(file):
        return ASTRAY
    try:
        Path(file).write_text(value)
    except PermissionError:
        reason = as_root(["tee", file], value)
    except OSError as problem:
        reason = problem.strerror
    return None if content(file) == value else reason or "the kernel did not accept it"


def as_root(words: list[str], given: str = "") -> str | None:
    """Run a command as root; None where it succeeded, or else why it did not.

    A password that was given a while ago (-k) might be forgotten when it is time to restore.
    """
    command = words if os.geteuid() == 0 else ["sudo", "-k", "-n", *words]
    try:
        done = subprocess.run(
            command,
            input=given.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_TIMEOUT_S,
            env={**os.environ, "PATH": SYSTEM_PATH},
        )
    except (OSError, subprocess.SubprocessError) as problem:
        return "needs root: " + str(problem)
    if done.returncode == 0:
        return None
    last = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
    return "needs root: " + (last[0][:200] if last else "refused")


def suspicion(path: str, owners: Iterable[int]) -> str | None:
    """Why a file should not be trusted; None where it is one of the owners' own, and no link."""
    try:
        found = os.lstat(path)
    except OSError as problem:
        return "{}: {}".format(path, problem.strerror)
    if found.st_uid not in owners:
        return "{} belongs to user {}".format(path, found.st_uid)
    if not stat.S_ISREG(found.st_mode):
        return "{} is no regular file".format(path)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others may write to {}".format(path)
    return None


class Untrusted(Exception):
    """The file of what is to be put back may be somebody else's work."""


class Plan:
    """What is to be put back, in a file that is on the disk before anything is changed.

    What stands there is done as root. Raises Untrusted where it may be somebody else's.
    """

    def __init__(self, file: str, root: str) -> None:
        self.file = Path(file)
        self.boot_id = content(root + "/proc/sys/kernel/random/boot_id")
        self.governors = Governors(root)
        self.clocks = JetsonClocks(file)

    def left(self) -> dict[str, Any] | None:
        """That of an earlier run, unless the computer has restarted since, and forgotten all."""
        if not os.path.lexists(self.file):
            return None
        distrust = suspicion(str(self.file), (os.geteuid(),))
        if distrust:
            raise Untrusted(distrust)
        try:
            with self.file.open() as file:
                found = json.loads(file.read(MAX_KEPT_CHARACTERS))
            if found["boot_id"] != self.boot_id:
                return None
            kept = {"governors": found["governors"], "clocks": found["clocks"]}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if not self.governors.knows(kept["governors"]) or not isinstance(kept["clocks"], bool):
            raise Untrusted("{} names what is no setting of this computer".format(self.file))
        return kept

    def keep(self, found: dict[str, str], clocks: bool) -> None:
        whole = {"boot_id": self.boot_id, "governors": found, "clocks": clocks}
        temporary = self.file.with_suffix(".part")
        if os.path.lexists(temporary):
            os.unlink(temporary)  # of a run that was killed
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(temporary, flags, 0o600), "w") as file:
            json.dump(whole, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.file)

    def restore(self) -> dict[str, str]:
        """Put everything back; why each thing that is not could not be."""
        failed = {}
        try:
            kept = self.left()
        except Untrusted as problem:
            return {str(self.file): str(problem)}
        if kept and kept["clocks"]:
            reason = self.clocks.restore()
            failed.update({"jetson_clocks": reason} if reason else {})
        if kept:
            failed.update(self.governors.restore(kept["governors"]))
        if not failed:
            self.file.unlink(missing_ok=True)
        return failed


def hold(file: str, silence_s: float, root: str) -> None:
    lock = acquire(root)
    if lock is None:
        say({"state": "busy"})
        return
    plan = Plan(file, root)
    try:
        recovered = plan.left() is not None
        failed = plan.restore()
    except Untrusted as problem:
        say({"state": "untrusted", "reason": str(problem)})
        return
    if failed:
        say({"state": "restored", "failed": failed})
        return
    watched, alive = os.pipe()
    if os.fork() == 0:
        os.close(alive)
        guard(watched, plan)
    os.close(watched)
    for number in ENDING:
        signal.signal(number, lambda *_: sys.exit())
    try:
        say({"state": "tuned", "recovered": recovered, **apply(plan)})
        wait(silence_s)
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        os.close(alive)
        os.wait()


def guard(watched: int, plan: Plan) -> None:
    """In a process of its own: wait until the other one has ended, and put everything back."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    os.setsid()  # whoever kills the other one's group does not mean this one
    os.read(watched, 1)
    say({"state": "restored", "failed": plan.restore()})
    os._exit(0)


def apply(plan: Plan) -> dict[str, Any]:
    """Change what can be changed; what that was, and what was refused, with the reasons."""
    refused = dict(plan.governors.astray)
    changed = {}
    found = plan.governors.read()
    clocks = False
    if plan.clocks.program:
        reason = plan.clocks.read()
        clocks = reason is None
        refused.update({"jetson_clocks": reason} if reason else {})
    if found or clocks:
        plan.keep(found, clocks)
    refused.update(plan.governors.set(found))
    changed.update({each: found[each] + " -> " + WANTED for each in found if each not in refused})
    if clocks:
        reason = plan.clocks.set()
        (refused if reason else changed)["jetson_clocks"] = reason or "clocks are fixed"
    return {"changed": changed, "refused": refused}


def wait(silence_s: float) -> None:
    ends_at = time.monotonic() + silence_s
    said = b""
    while time.monotonic() < ends_at:
        if not select.select([0], [], [], max(0.0, ends_at - time.monotonic()))[0]:
            return
        received = os.read(0, 1024)
        said = (said + received)[-1024:]
        if not received or b"end\n" in said:
            return
        ends_at = time.monotonic() + silence_s


def acquire(root: str) -> socket.socket | None:
    """A lock that belongs to the computer and vanishes with the last process that has it."""
    ends_at = time.monotonic() + BUSY_WAIT_S
    while True:
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(address(root))
            return lock
        except OSError:
            lock.close()
        if time.monotonic() > ends_at:
            return None
        time.sleep(0.1)


def address(root: str) -> str:
    return "\0latkit-tune-" + root[-80:]


def status(file: str, root: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        try:
            lock.bind(address(root))
        except OSError:
            say({"state": "held"})
            return
    try:
        say({"state": "free" if Plan(file, root).left() is None else "left"})
    except Untrusted as problem:
        say({"state": "untrusted", "reason": str(problem)})


def say(answer: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    except OSError:
        pass  # nobody listens any more; what is to be done is done all the same


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(sys.argv[2], float(sys.argv[3]), (sys.argv[4:] or ["/"])[0])
    else:
        status(sys.argv[2], (sys.argv[3:] or ["/"])[0])
