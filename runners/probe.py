"""Says what this computer is, as one JSON line; any Python that knows ``-I`` understands it.

    python3 -I - DIRECTORY PROGRAM PROCESSORS < probe.py

DIRECTORY is where files are to be put. PROGRAM, and the PROCESSORS to run on, separated by commas,
may be empty. Whatever cannot be read is null: unknown, never assumed.
"""

import glob
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import sysconfig

OLDEST = (3, 8)
NEWER = ["python3.{}".format(minor) for minor in range(8, 16)]
MANAGERS = ("apt-get", "dnf", "apk", "pacman", "zypper")
NARROW = {"aarch64": "armv7l", "x86_64": "i686"}


def main(directory, program, processors):
    place = nearest(directory)
    path = shutil.which(os.path.expanduser(program)) if program else None
    facts = {
        "python": list(sys.version_info[:3]),
        "others": other_pythons() if sys.version_info < OLDEST else [],
        "machine": machine(),
        "kernel": platform.machine(),
        "processor": processor(),
        "libc": libc(),
        "externally_managed": externally_managed(),
        "program": path,
        "program_exists": os.path.exists(os.path.expanduser(program)),
        "free_bytes": free_bytes(place),
        "writable": os.access(place, os.W_OK | os.X_OK),
        "manager": next(filter(shutil.which, MANAGERS), None),
        "cpus": cpus(),
        "pinned": pinned(processors),
        "governors": governors(),
        "load": load(),
    }
    print(json.dumps(facts))


def other_pythons():
    """Paths of those that are new enough, and run."""
    found = [path for path in map(shutil.which, NEWER) if path]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return [path for path in found if not subprocess.call([path, "-I", "-c", ""], **silent)]


def machine():
    """That of this Python: a 64-bit kernel may well run a 32-bit system."""
    kernel = platform.machine()
    return NARROW.get(kernel, kernel) if struct.calcsize("P") == 4 else kernel


def processor():
    """Its name, as the kernel tells it."""
    for path in ("/proc/device-tree/model", "/proc/cpuinfo"):
        for line in text(path).splitlines():
            key, _, value = line.partition(":")
            if path != "/proc/cpuinfo":
                return line.strip("\0")
            if key.strip() in ("model name", "Model", "Hardware"):
                return value.strip()
    return None


def text(path):
    try:
        with open(path, errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


def libc():
    """As ``glibc 2.36``, or ``musl``."""
    try:
        named = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        named = None
    return named or ("musl" if glob.glob("/lib/ld-musl-*") else None)


def externally_managed():
    """Whether pip refuses to install here (PEP 668)."""
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and os.path.exists(marker)


def nearest(directory):
    """That folder, or the one above in which it would be made."""
    place = os.path.abspath(directory)
    while not os.path.isdir(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    return place


def free_bytes(place):
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None


def cpus():
    """Numbers of the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pinned(processors):
    """Those that it runs on once it has asked for these; None where it did not."""
    if not processors or not hasattr(os, "sched_setaffinity"):
        return None
    try:
        os.sched_setaffinity(0, [int(number) for number in processors.split(",")])
    except OSError:
        return []
    return cpus()


def governors():
    """Frequency governors in use; None where the kernel does not show them."""
    files = glob.glob("/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
    return sorted({text(file).strip() for file in files} - {""}) or None


def load():
    """Runnable processes, averaged over the last minute."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


if __name__ == "__main__":
    main(*sys.argv[1:])
