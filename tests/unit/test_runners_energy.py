"""Energy of an inference, from recorded counters and sensors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conformance.runner import RUNNERS
from tests.unit.recorded_devices import contents, lay_out

sys.path.insert(0, str(RUNNERS))
import energy
import sysfs

RAPL = "sys/class/powercap/intel-rapl:0"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sysfs, "ROOT", f"{tmp_path}/")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """Inferences take 4 ms each on a clock that only they turn."""

    class Clock:
        now = 0.0
        runs = 0

        def run(self) -> None:
            self.now += 0.004
            self.runs += 1

    made = Clock()
    monkeypatch.setattr(energy.time, "monotonic", lambda: made.now)
    return made


def test_packages_and_memory_are_counted_and_nothing_twice(tmp_path: Path):
    lay_out(tmp_path, contents("intel-laptop"))
    meter = energy.meter(None)
    assert meter.of == "package-0+dram"  # core is in the package, and psys is the whole laptop
    meter.begin()
    lay_out(tmp_path, {f"{RAPL}:2/energy_uj": "5003000000\n"})
    lay_out(tmp_path, {f"{RAPL}/energy_uj": "262143200000\n"})
    meter.end()
    assert meter.energy_mj(None, 100) == pytest.approx((3000 + 200) / 100)


def test_a_counter_that_wraps_round(tmp_path: Path):
    lay_out(tmp_path, contents("intel-laptop"))
    meter = energy.meter(None)
    meter.begin()
    lay_out(tmp_path, {f"{RAPL}/energy_uj": "671150\n", f"{RAPL}:2/energy_uj": "5001000000\n"})
    meter.end()
    assert meter.energy_mj(None, 10) == pytest.approx((1000 + 1000) / 10)


def test_a_counter_that_stands_still_tells_nothing(tmp_path: Path):
    lay_out(tmp_path, contents("intel-laptop"))
    meter = energy.meter(None)
    meter.begin()
    meter.end()
    assert meter.energy_mj(None, 10) is None


def test_counters_for_root_alone_are_no_meter(tmp_path: Path):
    files = contents("intel-laptop")
    lay_out(tmp_path, {name: text for name, text in files.items() if "energy_uj" not in name})
    assert energy.meter(None) is None


def test_a_counter_that_is_lost_meanwhile(tmp_path: Path):
    lay_out(tmp_path, contents("intel-laptop"))
    meter = energy.meter(None)
    meter.begin()
    (tmp_path / RAPL / "energy_uj").unlink()
    meter.end()
    assert meter.energy_mj(None, 10) is None


@pytest.mark.parametrize(
    ("device", "of", "milliwatt"),
    [
        ("jetson-orin-nano", "VDD_IN", 4984 * 1856 / 1000),
        ("jetson-nano", "POM_5V_IN", 3420),
        ("jetson-agx-orin", "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0", 10000),
    ],
)
def test_power_rails_are_read_between_inferences_of_their_own(
    tmp_path: Path, clock, device: str, of: str, milliwatt: float
):
    lay_out(tmp_path, contents(device))
    meter = energy.meter(None)
    meter.begin()
    meter.end()
    assert clock.runs == 0
    assert meter.of == of
    assert meter.energy_mj(clock.run, 100) == pytest.approx(milliwatt * 0.004)
    assert clock.now >= energy.POWER_S


def test_a_rail_that_cannot_be_read_any_more(tmp_path: Path, clock):
    lay_out(tmp_path, contents("jetson-nano"))
    meter = energy.meter(None)
    rail = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"
    lay_out(tmp_path, {rail: "Connection timed out"})
    assert meter.energy_mj(clock.run, 100) is None


def test_nothing_to_read():
    assert energy.meter(None) is None
