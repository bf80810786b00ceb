"""NVIDIA's management library, spoken with through a small library that answers as it does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.runner import RUNNERS

sys.path.insert(0, str(RUNNERS))
import energy
import gpu
import state
import sysfs

COMPILER = shutil.which("cc")
pytestmark = pytest.mark.skipif(not COMPILER, reason="there is no C compiler")

# Signatures and return codes (0: success, 3: not supported, 6: not found) are those of nvml.h.
LIBRARY = """
#include <string.h>
typedef void *nvmlDevice_t;
static int devices[2];
int nvmlInit_v2(void) { return INIT; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
  if (index > 1) return 6;
  *device = &devices[index];
  return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
  if (strcmp(uuid, "GPU-4ff8b5a1")) return 6;
  *device = &devices[1];
  return 0;
}
int nvmlDeviceGetClockInfo(nvmlDevice_t device, int type, unsigned int *mhz) {
  if (type != 1) return 2;
  *mhz = device == &devices[1] ? 300 : 1980;
  return 0;
}
int nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned int *celsius) {
  if (sensor != 0) return 2;
  *celsius = 61;
  return 0;
}
int REASONS_NAME(nvmlDevice_t device, unsigned long long *reasons) {
  *reasons = REASONS;
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *millijoule) {
  static unsigned long long used = 5000000000ULL;
  *millijoule = used += 1500;
  return ENERGY;
}
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the library answer so; defines replace its words."""
    monkeypatch.setattr(sysfs, "ROOT", f"{tmp_path}/")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def make(**defines: object) -> None:
        values = {"INIT": 0, "REASONS": "0x1", "ENERGY": 0} | defines
        values.setdefault("REASONS_NAME", "nvmlDeviceGetCurrentClocksEventReasons")
        source, target = (
            tmp_path / "nvml.c",
            tmp_path / f"libnvml-{len(list(tmp_path.iterdir()))}.so",
        )
        source.write_text(LIBRARY)
        words = [f"-D{name}={value}" for name, value in values.items()]
        subprocess.run([COMPILER, "-shared", "-fPIC", *words, "-o", target, source], check=True)
        monkeypatch.setattr(gpu, "LIBRARY", str(target))

    return make


def test_what_it_tells(library):
    library(REASONS="0x45")  # idle, power cap, hardware thermal slowdown
    found = state.read(gpu.used_by("CUDAExecutionProvider"))
    assert found["gpu_mhz"] == 1980
    assert found["gpu_temperature_c"] == 61
    assert found["limits"] == ["GPU hardware thermal slowdown", "GPU power cap"]


def test_a_setting_of_the_users_and_idleness_are_no_limits(library):
    library(REASONS="0x113")
    assert gpu.used_by("eager:cuda").limits() == []


def test_a_driver_that_calls_it_otherwise(library):
    library(REASONS="0x80", REASONS_NAME="nvmlDeviceGetCurrentClocksThrottleReasons")
    assert gpu.used_by("CUDAExecutionProvider").limits() == ["GPU power brake"]


@pytest.mark.parametrize(("name", "mhz"), [("1", 300), ("GPU-4ff8b5a1", 300), ("0,1", 1980)])
def test_the_gpu_that_cuda_sees_first(library, monkeypatch: pytest.MonkeyPatch, name, mhz):
    library()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
    assert gpu.used_by("CUDAExecutionProvider").mhz() == mhz


@pytest.mark.parametrize("name", ["7", "GPU-unknown", "-1"])
def test_a_gpu_that_is_not_there(library, monkeypatch: pytest.MonkeyPatch, name: str):
    library()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
    assert gpu.used_by("CUDAExecutionProvider") is None


def test_no_driver_and_no_library(library, monkeypatch: pytest.MonkeyPatch):
    library(INIT=9)
    assert gpu.used_by("CUDAExecutionProvider") is None
    monkeypatch.setattr(gpu, "LIBRARY", "libno-such-library.so.1")
    assert gpu.used_by("CUDAExecutionProvider") is None


def test_its_energy(library):
    library()
    meter = energy.meter(gpu.used_by("CUDAExecutionProvider"))
    meter.begin()
    meter.end()
    assert (meter.energy_mj(None, 100), meter.of) == (15.0, "GPU")


def test_a_gpu_that_does_not_count_its_energy(library):
    library(ENERGY=3)
    assert energy.meter(gpu.used_by("CUDAExecutionProvider")) is None
