"""The state of the device, as far as it can be read. What cannot be read is None: unknown."""

import glob
import os

CPU = "/sys/devices/system/cpu"


def read(affinity=None):
    """Readings before and after a block; frequencies are those of the processors in use."""
    return {
        "frequency_mhz": frequency_mhz(affinity),
        "temperature_c": temperature_c(),
        "governor": governor(affinity),
        "load": load(),
        "pressure": pressure(),
        "steal_ticks": steal_ticks(),
        "throttle_count": throttle_count(),
    }


def text(path):
    try:
        with open(path) as file:
            return file.read(65536).strip()
    except (OSError, ValueError):
        return None


def number(path):
    try:
        return float(text(path))
    except (TypeError, ValueError):
        return None


def processors(affinity):
    if affinity:
        return affinity
    try:
        return sorted(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return []


def each(pattern, affinity):
    paths = [pattern.format(cpu) for cpu in processors(affinity)]
    return [path for path in paths if os.path.exists(path)]


def frequency_mhz(affinity):
    """Lowest current frequency of the processors in use."""
    paths = each(CPU + "/cpu{}/cpufreq/scaling_cur_freq", affinity)
    values = [value for value in map(number, paths) if value]
    return min(values) / 1000 if values else None


def governor(affinity):
    names = {text(path) for path in each(CPU + "/cpu{}/cpufreq/scaling_governor", affinity)}
    names.discard(None)
    return "+".join(sorted(names)) or None


def temperature_c():
    """Hottest of the thermal zones."""
    values = [number(path) for path in glob.glob("/sys/class/thermal/thermal_zone*/temp")]
    celsius = [value / 1000 for value in values if value is not None]
    return max(celsius) if celsius else None


def load():
    words = text("/proc/loadavg")
    return float(words.split()[0]) if words else None


def pressure():
    """Share of the last ten seconds in which some process waited for a processor, in per cent."""
    words = text("/proc/pressure/cpu")
    if not words:
        return None
    fields = dict(pair.split("=") for pair in words.splitlines()[0].split()[1:])
    return float(fields["avg10"])


def steal_ticks():
    """Time that the hypervisor gave to others, in clock ticks since boot."""
    words = text("/proc/stat")
    fields = words.splitlines()[0].split() if words else []
    return int(fields[8]) if len(fields) > 8 else None


def throttle_count():
    """How often the processors were slowed down for heat since boot (Intel)."""
    pattern = CPU + "/cpu*/thermal_throttle/core_throttle_count"
    values = [number(path) for path in glob.glob(pattern)]
    known = [int(value) for value in values if value is not None]
    return sum(known) if known else None


def boot_id():
    return text("/proc/sys/kernel/random/boot_id")


def processor():
    words = text("/proc/cpuinfo") or ""
    for line in words.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()[:200]
    return text("/proc/device-tree/model")


def memory_mb():
    words = text("/proc/meminfo")
    return int(words.split()[1]) // 1024 if words else None
