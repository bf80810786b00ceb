"""Energy of an inference, in millijoule, where the board can tell. Nothing is subtracted.

A meter is told when the samples begin and end; a counter then knows what they cost. Where there
is only a sensor of momentary power, it is read between further inferences after the samples, for
reading takes a moment of the processor's time, and must disturb none that is timed.
"""

import re
import time

import sysfs

POWER_S = 0.5
READ_EVERY_S = 0.02
WHOLE = ("VDD_IN", "POM_5V_IN")
"""Rails of Jetsons through which all power of the module comes."""

CONTAINED = ("NC", "VDDQ_VDD2_1V8AO")
"""Of the other rails, those that are not connected, or fed by another one (VIN_SYS_5V0)."""


def meter(gpu):
    """The meter of what a model runs on; None where there is none that can be read."""
    found = rails()
    if found:
        return Sensor(found)
    counters = [gpu_counter(gpu)] if gpu else rapl()
    return Counter(counters) if counters and all(counters) else None


class Counter:
    """Counters of energy: each a name, a function that reads it in mJ, and where it wraps round."""

    def __init__(self, counters):
        self.of = "+".join(name for name, _, _ in counters)
        self.counters = counters

    def begin(self):
        self.before = self.read()

    def end(self):
        self.after = self.read()

    def read(self):
        return [read() for _, read, _ in self.counters]

    def energy_mj(self, _, count):
        """Per inference, of ``count`` between begin and end."""
        if None in self.before + self.after:
            return None
        wraps = [wrap for _, _, wrap in self.counters]
        used = list(map(increase, self.before, self.after, wraps))
        return sum(used) / count if all(each > 0 for each in used) else None


def increase(before, after, wrap):
    return after - before if after >= before else after - before + wrap


def rapl():
    """Counters of the processor packages and their memory (Intel, AMD); often for root alone."""
    zones = sysfs.paths("sys/class/powercap/intel-rapl:*/name")
    named = [(path[: -len("/name")], sysfs.text(path) or "") for path in zones]
    return [
        counter
        for zone, name in named
        if name.startswith("package-") or name == "dram"
        for counter in [rapl_counter(zone, name)]
        if counter
    ]


def rapl_counter(zone, name):
    wrap_uj = sysfs.number(zone + "/max_energy_range_uj")
    if wrap_uj is None or sysfs.number(zone + "/energy_uj") is None:
        return None
    return name, lambda: milli(sysfs.number(zone + "/energy_uj")), wrap_uj / 1000


def milli(micro):
    return None if micro is None else micro / 1000


def gpu_counter(gpu):
    """A GPU's own counter: 64 bits of mJ, which do not wrap round."""
    return ("GPU", gpu.energy_mj, 0) if gpu.energy_mj() is not None else None


class Sensor:
    """Sensors of momentary power: each a name and a function that reads it in mW."""

    def __init__(self, rails):
        whole = [rail for rail in rails if rail[0] in WHOLE]
        self.rails = whole[:1] or [rail for rail in rails if rail[0] not in CONTAINED]
        self.of = "+".join(name for name, _ in self.rails)

    def begin(self):
        pass

    def end(self):
        pass

    def energy_mj(self, run, _):
        """Per inference: mean power times mean time, over inferences of their own."""
        powers_mw = []
        count = 0
        running_s = 0.0
        while running_s < POWER_S:
            begun = now = time.monotonic()
            while now - begun < READ_EVERY_S:
                run()
                count += 1
                now = time.monotonic()
            running_s += now - begun
            powers_mw.append(self.power_mw())
        if None in powers_mw:
            return None
        return sum(powers_mw) / len(powers_mw) * running_s / count

    def power_mw(self):
        powers = [read() for _, read in self.rails]
        return None if None in powers else sum(powers)


def rails():
    """Power rails of a Jetson: its INA3221 monitors, under new kernels and under old ones."""
    return [*hwmon_rails(), *iio_rails()]


def hwmon_rails():
    found = []
    for path in sysfs.paths("sys/class/hwmon/hwmon*/in[123]_label"):
        folder, place = re.fullmatch(r"(.*)/in(\d)_label", path).groups()
        if "ina3221" in (sysfs.text(folder + "/name") or ""):
            files = "{}/in{}_input".format(folder, place), "{}/curr{}_input".format(folder, place)
            found.append((sysfs.text(path) or "", lambda files=files: product(*files)))
    return [(name, read) for name, read in found if name and read() is not None]


def product(millivolt, milliampere):
    values = sysfs.number(millivolt), sysfs.number(milliampere)
    return None if None in values else values[0] * values[1] / 1000


def iio_rails():
    found = []
    for path in sysfs.paths("sys/bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_*"):
        folder, place = re.fullmatch(r"(.*)/rail_name_(\d+)", path).groups()
        file = "{}/in_power{}_input".format(folder, place)
        found.append((sysfs.text(path) or "", lambda file=file: sysfs.number(file)))
    return [(name, read) for name, read in found if name and read() is not None]
