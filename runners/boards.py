"""What single-board computers say of themselves: Raspberry Pi and Jetson."""

import re
import shutil
import subprocess

import sysfs

VCGENCMD_TIMEOUT_S = 1.0
LIMITS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""Bits 0-3 of a Raspberry Pi's throttle word; bits 16-19: since the boot, or the last look."""


def raspberry_limits():
    """Names of what limits a Raspberry Pi now, and of what has; None twice where it is none.

    The firmware's word is asked for both ways: newer kernels show what they saw up to two
    seconds ago, and clear the older bits whenever they look.
    """
    words = sysfs.known([shown_word(), asked_word()])
    if not words:
        return None, None
    bits = words[0] | words[-1]
    return limits(bits), limits(bits >> 16)


def limits(bits):
    return [name for place, name in enumerate(LIMITS) if bits >> place & 1]


def shown_word():
    return hexadecimal(sysfs.text("sys/devices/platform/soc/soc:firmware/get_throttled"))


def asked_word():
    if "raspberrypi" not in (sysfs.text("proc/device-tree/compatible") or ""):
        return None
    program = shutil.which("vcgencmd")
    if not program:
        return None
    try:
        said = subprocess.run(
            [program, "get_throttled"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=VCGENCMD_TIMEOUT_S,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return hexadecimal(said.decode("ascii", "replace").partition("throttled=")[2].strip())


def hexadecimal(said):
    try:
        return int(said, 16) & 0xFFFFFFFF
    except (TypeError, ValueError):
        return None


def power_mode():
    """A Jetson's nvpmodel mode, by its name where the configuration tells it."""
    found = re.search(r"pmode:(\d+)", sysfs.text("var/lib/nvpmodel/status") or "")
    if not found:
        return None
    number = int(found.group(1))
    pattern = r"^\s*<\s*POWER_MODEL\s+ID=0*{}\s+NAME=(\S+)\s*>".format(number)
    named = re.search(pattern, sysfs.text("etc/nvpmodel.conf") or "", re.MULTILINE)
    return named.group(1) if named else str(number)


def over_current_count():
    """How often a Jetson was slowed down since boot for want of voltage or too high a current."""
    counts = sysfs.known(map(sysfs.number, sysfs.paths("sys/class/hwmon/hwmon*/oc*_event_cnt")))
    return int(sum(counts)) if counts else None
