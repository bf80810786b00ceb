"""Reading the state of a device, from recorded files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from latkit.protocol import DeviceState
from tests.conformance.runner import RUNNERS
from tests.unit.recorded_devices import DEVICES, contents, lay_out

sys.path.insert(0, str(RUNNERS))
import boards
import gpu
import state
import sysfs

THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sysfs, "ROOT", f"{tmp_path}/")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2})
    monkeypatch.setattr(os, "sysconf", lambda name: 100)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")


@pytest.fixture
def vcgencmd(tmp_path: Path):
    """Makes the program that is asked on a Raspberry Pi."""

    def make(script: str) -> None:
        program = tmp_path / "bin" / "vcgencmd"
        lay_out(tmp_path, {"bin/vcgencmd": f"#!/bin/sh\n{script}\n"})
        program.chmod(0o755)

    return make


def test_a_raspberry_pi(tmp_path: Path):
    lay_out(tmp_path, contents("rpi4"))
    assert state.read() == {
        "frequency_mhz": 1500.0,
        "governor": "ondemand",
        "temperature_c": 61.835,
        "load": 0.52,
        "pressure_us": 18273645,
        "steal_s": 2.0,
        "throttle_count": None,
        "over_current_count": None,
        "power_mode": None,
        "gpu_mhz": None,
        "gpu_temperature_c": None,
        "limits": [],
        "limits_since_boot": ["under-voltage", "throttled"],
    }
    assert state.boot_id() == "2b8d9f6e-1c57-4a7b-9d1e-3f1f0f3a9c10"
    assert state.processor() == "Raspberry Pi 4 Model B Rev 1.4"
    assert state.memory_mb() == 3793


def test_a_temperature_that_cannot_be_is_unknown(tmp_path: Path):
    zone = "sys/class/thermal/thermal_zone{}/temp"
    lay_out(tmp_path, {zone.format(0): "-274000\n", zone.format(1): "2147483647\n"})
    assert state.temperature_c() is None
    lay_out(tmp_path, {zone.format(2): "41500\n"})
    assert state.temperature_c() == 41.5


@pytest.mark.parametrize(
    ("said", "now", "since_boot"),
    [
        ("throttled=0x0", [], []),
        ("throttled=0x50005", ["under-voltage", "throttled"], ["under-voltage", "throttled"]),
        ("throttled=0xe0000", [], ["frequency capped", "throttled", "soft temperature limit"]),
        ("throttled=0x8", ["soft temperature limit"], []),
    ],
)
def test_what_vcgencmd_says(tmp_path: Path, vcgencmd, said: str, now, since_boot):
    lay_out(tmp_path, {"proc/device-tree/compatible": "raspberrypi,5-model-b\0brcm,bcm2712\0"})
    vcgencmd(f"[ $1 = get_throttled ] && echo {said}")
    assert boards.raspberry_limits() == (now, since_boot)


def test_the_kernel_and_the_firmware_are_both_asked(tmp_path: Path, vcgencmd):
    lay_out(tmp_path, contents("rpi4"))
    vcgencmd("echo throttled=0x2")
    now, since_boot = boards.raspberry_limits()
    assert (now, since_boot) == (["frequency capped"], ["under-voltage", "throttled"])


@pytest.mark.parametrize(
    "script",
    ["echo VCHI initialization failed; exit 255", "echo throttled=", "exec sleep 3", "cat"],
)
def test_a_vcgencmd_that_does_not_answer_leaves_it_unknown(
    tmp_path: Path, vcgencmd, monkeypatch: pytest.MonkeyPatch, script: str
):
    monkeypatch.setattr(boards, "VCGENCMD_TIMEOUT_S", 0.2)
    lay_out(tmp_path, {"proc/device-tree/compatible": "raspberrypi,4-model-b"})
    vcgencmd(script)
    assert boards.raspberry_limits() == (None, None)


def test_a_jetson_orin(tmp_path: Path):
    lay_out(tmp_path, contents("jetson-orin-nano"))
    found = state.read(gpu.used_by("TensorrtExecutionProvider"))
    assert found["power_mode"] == "MAXN_SUPER"
    assert found["over_current_count"] == 52
    assert found["gpu_mhz"] == 1020
    assert found["gpu_temperature_c"] == 54.5
    assert found["temperature_c"] == 55.312
    assert found["limits"] == []  # neither a fan nor a warm surface slows it down
    assert found["limits_since_boot"] is None
    assert state.processor() == "NVIDIA Jetson Orin Nano Developer Kit"


def test_a_jetson_whose_modes_have_no_names(tmp_path: Path):
    lay_out(tmp_path, contents("jetson-nano"))
    assert state.read()["power_mode"] == "0"
    assert gpu.used_by("eager:cuda").mhz() == 921.6


def test_what_the_kernel_slows_down_for_heat(tmp_path: Path):
    lay_out(tmp_path, contents("jetson-orin-nano"))
    lay_out(tmp_path, {"sys/class/thermal/cooling_device1/cur_state": "4\n"})
    assert state.read()["limits"] == ["too hot: devfreq-17000000.gpu"]


def test_an_intel_laptop(tmp_path: Path):
    lay_out(tmp_path, contents("intel-laptop"))
    found = state.read()
    assert found["throttle_count"] == 6
    assert found["limits"] == []


@pytest.mark.parametrize("provider", ["CPUExecutionProvider", "XNNPACK", "eager", "torchscript"])
def test_the_gpu_is_nobodys_business_where_the_model_does_not_use_it(tmp_path: Path, provider: str):
    lay_out(tmp_path, contents("jetson-orin-nano"))
    assert gpu.used_by(provider) is None


def test_what_is_not_there_is_unknown():
    assert set(state.read().values()) == {None}
    assert state.boot_id() is state.processor() is state.memory_mb() is None


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("content", ["", "\n", "garbage", "\xff\x00", "some avg10=1"])
def test_what_cannot_be_understood_is_unknown(tmp_path: Path, device: str, content: str):
    texts = ("governor", "loadavg", "type", "boot_id")
    numbers = [name for name in contents(device) if not name.endswith(texts)]
    lay_out(tmp_path, contents(device))
    lay_out(tmp_path, dict.fromkeys(numbers, content))
    found = state.read(gpu.used_by("CUDAExecutionProvider"))
    unknown = {name for name, value in found.items() if value is None}
    assert set(found) - unknown <= {"governor", "load"}


def test_the_host_knows_every_reading():
    assert set(state.read()) == set(DeviceState.__dataclass_fields__)


def test_reads_this_computer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    assert state.read()["load"] == pytest.approx(os.getloadavg()[0], abs=5)
