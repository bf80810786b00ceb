"""The graphics processor that a model runs on: NVIDIA's through NVML, or a Jetson's own."""

import ctypes
import os

import sysfs

LIBRARY = "libnvidia-ml.so.1"
SM_CLOCK = 1
DIE_SENSOR = 0
POWER_CAP = "GPU power cap"
REASONS = {
    0x04: POWER_CAP,
    0x08: "GPU hardware slowdown",
    0x20: "GPU software thermal slowdown",
    0x40: "GPU hardware thermal slowdown",
    0x80: "GPU power brake",
}
"""Of NVML's clocks event reasons those that are no setting of the user's, and not idleness."""

NAMES = ("gpu", "gm20b", "gp10b", "gv11b", "ga10b")
"""How the devfreq devices of Jetsons end: the chip's name, or simply ``gpu``."""


def used_by(provider):
    """The GPU of a provider that uses one, where it can be asked; otherwise None."""
    if not any(word in provider.lower() for word in ("cuda", "tensorrt")):
        return None
    return Tegra.find() or Nvidia.find()


class Tegra:
    """A Jetson's GPU, which shares the module's memory and power."""

    energy_mj = staticmethod(lambda: None)  # the module's rails tell more

    def __init__(self, clock, sensor):
        self.clock = clock
        self.sensor = sensor

    @classmethod
    def find(cls):
        folders = [path for path in sysfs.paths("sys/class/devfreq/*") if path.endswith(NAMES)]
        clocks = [folder + "/cur_freq" for folder in folders]
        zones = [
            path[:-4] + "temp"
            for path in sysfs.paths("sys/class/thermal/thermal_zone*/type")
            if (sysfs.text(path) or "").lower().startswith("gpu")
        ]
        return cls(clocks[0], zones[0] if zones else "") if clocks else None

    def mhz(self):
        clock_hz = sysfs.number(self.clock)
        return None if clock_hz is None else clock_hz / 1e6

    def temperature_c(self):
        milli = sysfs.number(self.sensor)
        return None if milli is None else milli / 1000

    def limits(self):
        return None  # the kernel's cooling devices tell


class Nvidia:
    """A GPU with its own memory. What a driver cannot tell of one is None."""

    def __init__(self, library, handle):
        self.library = library
        self.handle = handle

    @classmethod
    def find(cls):
        try:
            library = ctypes.CDLL(LIBRARY)
            if library.nvmlInit_v2() != 0:
                return None
            handle = ctypes.c_void_p()
            found = lookup(library, visible(), ctypes.byref(handle))
        except (OSError, AttributeError):
            return None
        return cls(library, handle) if found == 0 else None

    def ask(self, name, kind, *given):
        value = kind()
        function = getattr(self.library, name, None)
        if function is None or function(self.handle, *given, ctypes.byref(value)) != 0:
            return None
        return value.value

    def mhz(self):
        return self.ask("nvmlDeviceGetClockInfo", ctypes.c_uint, ctypes.c_int(SM_CLOCK))

    def temperature_c(self):
        return self.ask("nvmlDeviceGetTemperature", ctypes.c_uint, ctypes.c_int(DIE_SENSOR))

    def limits(self):
        """Names of what slows it down now. Drivers before 535 call the question otherwise."""
        question = "nvmlDeviceGetCurrentClocks{}Reasons"
        answers = sysfs.known(
            self.ask(question.format(word), ctypes.c_ulonglong) for word in ("Event", "Throttle")
        )
        if not answers:
            return None
        return [name for bit, name in REASONS.items() if answers[0] & bit]

    def energy_mj(self):
        """What it has used since its driver was loaded."""
        return self.ask("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong)


def lookup(library, name, handle):
    if name.isdigit():
        return library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(int(name)), handle)
    return library.nvmlDeviceGetHandleByUUID(ctypes.c_char_p(name.encode()), handle)


def visible():
    """Number or UUID of CUDA's first device; numbers agree since the harness orders by bus."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip() or "0"
