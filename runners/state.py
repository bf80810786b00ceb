"""The state of the device, as far as it can be read. What cannot be read is None: unknown."""

import glob
import os

ROOT = "/"
"""Where the kernel shows its state; tests put recorded files elsewhere."""


def read():
    """All readings, of the processors that this process may run on."""
    return {name: reader() for name, reader in READERS.items()}


def text(path):
    try:
        with open(ROOT + path) as file:
            return file.read(65536).strip()
    except (OSError, ValueError):
        return None


def number(path):
    try:
        return float(text(path))
    except (TypeError, ValueError):
        return None


def known(values):
    return [value for value in values if value is not None]


def paths(pattern):
    return [path[len(ROOT) :] for path in sorted(glob.glob(ROOT + pattern))]


def cpufreq(name):
    """Paths of one file of each processor in use."""
    pattern = "sys/devices/system/cpu/cpu{}/cpufreq/{}"
    return [pattern.format(cpu, name) for cpu in sorted(os.sched_getaffinity(0))]


def frequency_mhz():
    """Lowest current frequency of the processors in use."""
    values = known(map(number, cpufreq("scaling_cur_freq")))
    return min(values) / 1000 if values else None


def governor():
    names = known(map(text, cpufreq("scaling_governor")))
    return "+".join(sorted(set(names))) or None


def temperature_c():
    """Hottest of the thermal zones."""
    values = known(map(number, paths("sys/class/thermal/thermal_zone*/temp")))
    return max(values) / 1000 if values else None


def load():
    """Runnable processes, averaged over the last minute."""
    words = (text("proc/loadavg") or "").split()
    return float(words[0]) if words else None


def pressure_us():
    """Time in which some process waited for a processor, since boot."""
    for word in (text("proc/pressure/cpu") or "").split("\n")[0].split():
        if word.startswith("total="):
            return int(word[len("total=") :])
    return None


def steal_s():
    """Time that the hypervisor gave to others since boot, average of the processors in use."""
    used = {"cpu{}".format(cpu) for cpu in os.sched_getaffinity(0)}
    rows = [line.split() for line in (text("proc/stat") or "").splitlines()]
    ticks = [int(row[8]) for row in rows if len(row) > 8 and row[0] in used]
    return sum(ticks) / len(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


def throttle_count():
    """How often the processors were slowed down for heat since boot (Intel)."""
    pattern = "sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"
    values = known(map(number, paths(pattern)))
    return int(sum(values)) if values else None


READERS = {
    "frequency_mhz": frequency_mhz,
    "governor": governor,
    "temperature_c": temperature_c,
    "load": load,
    "pressure_us": pressure_us,
    "steal_s": steal_s,
    "throttle_count": throttle_count,
}


def boot_id():
    return text("proc/sys/kernel/random/boot_id")


def processor():
    for line in (text("proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()[:200]
    model = text("proc/device-tree/model")
    return model.strip("\0") if model else None


def memory_mb():
    words = (text("proc/meminfo") or "").split()
    return int(words[1]) // 1024 if len(words) > 1 else None
