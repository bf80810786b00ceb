"""Reading the state of a device, from recorded files."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from latkit.protocol import DeviceState
from tests.conformance.runner import RUNNERS

CPU = "sys/devices/system/cpu"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("state", RUNNERS / "state.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", f"{tmp_path}/")
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: {0, 2})
    monkeypatch.setattr(module.os, "sysconf", lambda name: 100)
    return module


def record(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


RASPBERRY_PI = {
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1800000\n",
    f"{CPU}/cpu1/cpufreq/scaling_cur_freq": "600000\n",
    f"{CPU}/cpu2/cpufreq/scaling_cur_freq": "1500000\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "ondemand\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "powersave\n",
    f"{CPU}/cpu2/cpufreq/scaling_governor": "ondemand\n",
    "sys/class/thermal/thermal_zone0/temp": "61835\n",
    "sys/class/thermal/thermal_zone1/temp": "48312\n",
    "proc/loadavg": "0.52 0.58 0.59 1/467 12345\n",
    "proc/pressure/cpu": (
        "some avg10=1.53 avg60=0.87 avg300=0.35 total=18273645\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    ),
    "proc/stat": (
        "cpu  9 9 9 9 9 9 9 900 0 0\ncpu0 1 2 3 4 5 6 7 100 0 0\n"
        "cpu1 1 2 3 4 5 6 7 500 0 0\ncpu2 1 2 3 4 5 6 7 300 0 0\nintr 12 0 0\n"
    ),
    "proc/sys/kernel/random/boot_id": "2b8d9f6e-1c57-4a7b-9d1e-3f1f0f3a9c10\n",
    "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Raspberry Pi 4 Model B\n",
    "proc/meminfo": "MemTotal:        3884292 kB\nMemFree:          123456 kB\n",
}


def test_a_raspberry_pi(state, tmp_path: Path):
    record(tmp_path, RASPBERRY_PI)
    assert state.read() == {
        "frequency_mhz": 1500.0,
        "governor": "ondemand",
        "temperature_c": 61.835,
        "load": 0.52,
        "pressure_us": 18273645,
        "steal_s": 2.0,
        "throttle_count": None,
    }
    assert state.boot_id() == "2b8d9f6e-1c57-4a7b-9d1e-3f1f0f3a9c10"
    assert state.processor() == "Raspberry Pi 4 Model B"
    assert state.memory_mb() == 3793


def test_throttling_of_intel_processors(state, tmp_path: Path):
    for cpu in range(3):
        record(tmp_path, {f"{CPU}/cpu{cpu}/thermal_throttle/core_throttle_count": f"{cpu + 1}\n"})
    assert state.read()["throttle_count"] == 6


def test_what_is_not_there_is_unknown(state):
    assert set(state.read().values()) == {None}
    assert state.boot_id() is state.processor() is state.memory_mb() is None


@pytest.mark.parametrize("content", ["", "\n", "garbage", "\xff\x00", "some avg10=1"])
def test_what_cannot_be_understood_is_unknown(state, tmp_path: Path, content: str):
    numbers = [name for name in RASPBERRY_PI if not name.endswith(("governor", "loadavg"))]
    record(tmp_path, dict.fromkeys(numbers, content))
    found = state.read()
    assert {value for name, value in found.items() if name != "governor"} == {None}


def test_a_device_tree_names_the_board(state, tmp_path: Path):
    record(tmp_path, {"proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0"})
    assert state.processor() == "NVIDIA Jetson Nano Developer Kit"


def test_the_host_knows_every_reading(state):
    assert set(state.READERS) == set(DeviceState.__dataclass_fields__)


def test_reads_this_computer(monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("state", RUNNERS / "state.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.read()["load"] == pytest.approx(os.getloadavg()[0], abs=5)
