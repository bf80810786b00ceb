"""What a process may use of a device: control groups of both versions, as the kernel shows them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from latkit.devices.facts import Limits
from latkit.devices.runners import runner_dir
from tests.unit.recorded_devices import lay_out

MEMINFO = {"proc/meminfo": "MemTotal:  4000000 kB\nMemFree: 1 kB\nMemAvailable:  2048000 kB\n"}
V2 = "34 24 0:29 / /sys/fs/cgroup rw,nosuid,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup ro,relatime - tmpfs tmpfs ro,mode=755\n"
    "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 {root} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
)


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What is told of a computer whose kernel shows these files."""
    monkeypatch.syspath_prepend(str(runner_dir()))
    monkeypatch.delitem(sys.modules, "sysfs", raising=False)
    monkeypatch.delitem(sys.modules, "limits", raising=False)
    import limits as program

    def told(files: dict[str, str]) -> Limits:
        lay_out(tmp_path, {**MEMINFO, **files})
        monkeypatch.setattr(sys.modules["sysfs"], "ROOT", f"{tmp_path}/")
        program.main()
        return Limits.model_validate(json.loads(capsys.readouterr().out))

    yield told
    sys.modules.pop("limits", None)


def test_no_limit(limits):
    own = {"proc/self/cgroup": "0::/user.slice\n", "proc/self/mountinfo": V2}
    found = limits({**own, "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n"})
    assert found == Limits(memory_mb=2000)


def test_no_control_groups_at_all(limits):
    assert limits({}) == Limits(memory_mb=2000)


def test_the_tightest_group_above_counts(limits):
    groups = "sys/fs/cgroup/user.slice"
    found = limits(
        {
            "proc/self/cgroup": "0::/user.slice/user-1000.slice\n",
            "proc/self/mountinfo": V2,
            f"{groups}/cpu.max": "150000 100000\n",
            f"{groups}/user-1000.slice/cpu.max": "400000 100000\n",
        }
    )
    assert (found.cpus, found.cpus_of) == (1.5, f"/{groups}")


def test_a_container_that_sees_its_own_group_as_the_root(limits):
    own = {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": V2}
    found = limits({**own, "sys/fs/cgroup/cpu.max": "50000 100000\n"})
    assert (found.cpus, found.cpus_of) == (0.5, "/sys/fs/cgroup")


@pytest.mark.parametrize("root", ["/", "/docker/0abc"])
def test_version_1(limits, root: str):
    place = "sys/fs/cgroup/cpu,cpuacct" + ("/docker/0abc" if root == "/" else "")
    own = "12:memory:/docker/0abc\n4:cpu,cpuacct:/docker/0abc\n1:name=systemd:/docker/0abc\n"
    found = limits(
        {
            "proc/self/cgroup": own,
            "proc/self/mountinfo": V1.format(root=root),
            f"{place}/cpu.cfs_quota_us": "200000\n",
            f"{place}/cpu.cfs_period_us": "100000\n",
        }
    )
    assert (found.cpus, found.cpus_of) == (2.0, f"/{place}")


def test_version_1_without_a_quota(limits):
    place = "sys/fs/cgroup/cpu,cpuacct"
    files = {f"{place}/cpu.cfs_quota_us": "-1\n", f"{place}/cpu.cfs_period_us": "100000\n"}
    own = {"proc/self/cgroup": "4:cpu,cpuacct:/\n", "proc/self/mountinfo": V1.format(root="/")}
    assert limits({**own, **files}).cpus is None


def test_a_groups_memory(limits):
    place, mb = "sys/fs/cgroup", 1 << 20
    found = limits(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2,
            f"{place}/memory.max": f"{512 * mb}\n",
            f"{place}/memory.current": f"{400 * mb}\n",
            f"{place}/memory.stat": f"anon 1\ninactive_file {88 * mb}\n",
        }
    )
    assert found.memory_mb == 200


def test_a_groups_memory_of_version_1(limits):
    place, mb = "sys/fs/cgroup/memory", 1 << 20
    own = {"proc/self/cgroup": "5:memory:/\n", "proc/self/mountinfo": V1.format(root="/")}
    used = {f"{place}/memory.usage_in_bytes": f"{100 * mb}\n"}
    assert (
        limits({**own, **used, f"{place}/memory.limit_in_bytes": f"{160 * mb}\n"}).memory_mb == 60
    )
    none = {f"{place}/memory.limit_in_bytes": "9223372036854771712\n"}
    assert limits({**own, **used, **none}).memory_mb == 2000
