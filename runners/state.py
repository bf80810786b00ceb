"""The state of the device, as far as it can be read. What cannot be read is None: unknown.

Reading it takes a few milliseconds and never fails. As a program it prints one reading as JSON.
"""

if __name__ == "__main__":
    import isolation  # noqa: F401

import json
import os

import boards
from sysfs import known, number, paths, text

SLOWING = ("cpufreq-", "devfreq-", "thermal-cpufreq", "thermal-devfreq", "Processor", "intel_power")
"""Kernel cooling devices that cool by slowing down, by how their type begins; others are fans."""


def read(gpu=None):
    """All readings, of the processors that this process may run on, and of ``gpu`` if there is one.

    What the processor does of itself is read first: it is idle from now on.
    """
    found = {name: reader() for name, reader in READERS.items()}
    now, since_boot = boards.raspberry_limits()
    found["gpu_mhz"] = gpu.mhz() if gpu else None
    found["gpu_temperature_c"] = gpu.temperature_c() if gpu else None
    limits = known([now, cooling(), gpu.limits() if gpu else None])
    found["limits"] = sorted({name for names in limits for name in names}) if limits else None
    found["limits_since_boot"] = since_boot
    return found


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
    """Hottest of the thermal zones; a sensor that is not connected tells what cannot be."""
    values = known(map(number, paths("sys/class/thermal/thermal_zone*/temp")))
    possible = [value / 1000 for value in values if -90 <= value / 1000 <= 250]
    return max(possible) if possible else None


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


def cooling():
    """What the kernel slows down now because a thermal zone is too hot."""
    pattern = "sys/class/thermal/cooling_device*/type"
    kinds = [(path, text(path) or "") for path in paths(pattern)]
    slowing = [
        (kind, number(path[: -len("type")] + "cur_state"))
        for path, kind in kinds
        if kind.startswith(SLOWING) or kind.endswith("throttle-alert")
    ]
    states = [(kind, level) for kind, level in slowing if level is not None]
    return ["too hot: " + kind for kind, level in states if level > 0] if states else None


READERS = {
    "frequency_mhz": frequency_mhz,
    "governor": governor,
    "temperature_c": temperature_c,
    "load": load,
    "pressure_us": pressure_us,
    "steal_s": steal_s,
    "throttle_count": throttle_count,
    "over_current_count": boards.over_current_count,
    "power_mode": boards.power_mode,
}


def boot_id():
    return text("proc/sys/kernel/random/boot_id")


def processor():
    for line in (text("proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()[:200]
    return text("proc/device-tree/model")


def memory_mb():
    words = (text("proc/meminfo") or "").split()
    return int(words[1]) // 1024 if len(words) > 1 else None


if __name__ == "__main__":
    print(json.dumps(read()))
