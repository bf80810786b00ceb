"""Tuning a device: whatever becomes of anybody, everything is as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from latkit.cli import run
from latkit.devices import tune
from latkit.devices.deploy import Deployed, deploy
from latkit.devices.profile import Profile, create
from latkit.devices.runners import runner_dir, runner_file
from latkit.devices.transport.local import LocalTransport
from latkit.errors import RemoteCommandError
from tests.unit.recorded_devices import lay_out

CPUFREQ = "sys/devices/system/cpu/cpufreq"
OFFERED = "conservative ondemand userspace powersave performance schedutil \n"
BOARD = {
    f"{CPUFREQ}/policy0/scaling_governor": "ondemand\n",
    f"{CPUFREQ}/policy0/scaling_available_governors": OFFERED,
    f"{CPUFREQ}/policy4/scaling_governor": "schedutil\n",
    f"{CPUFREQ}/policy4/scaling_available_governors": OFFERED,
    "proc/sys/kernel/random/boot_id": "2b8d9f6e-1c57-4a7b-9d1e-3f1f0f3a9c10\n",
}
USUAL = ["ondemand", "schedutil"]
TUNED = ["performance", "performance"]
WAIT_S = 60.0

# Behaves as NVIDIA's does: --store and --restore take a file, no argument fixes the clocks.
JETSON_CLOCKS = """#!/bin/sh
clock={clock}
case "$1" in
--store) cp $clock "$2" ;;
--restore) cp "$2" $clock ;;
*) echo 1020000000 > $clock ;;
esac
"""

HOLD = """
import sys, time
from latkit.devices.profile import create
from latkit.devices.tune import tuned
profile = create({"name": "here", "transport": "local", "remote_dir": sys.argv[1]})
with tuned(profile, sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lay_out(tmp_path / "root", BOARD)
    return tmp_path / "root"


@pytest.fixture
def here(tmp_path: Path) -> Profile:
    return create({"name": "here", "transport": "local", "remote_dir": f"{tmp_path}/latkit"})


def governors(root: Path) -> list[str]:
    files = sorted((root / CPUFREQ).glob("policy*/scaling_governor"))
    return [file.read_text().strip() for file in files]


def eventually(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < ends_at, "it did not come to be"
        time.sleep(0.02)


def start(tmp_path: Path, root: Path, silence_s: float = 60) -> subprocess.Popen[bytes]:
    """The program on the device, once it has changed everything."""
    words = [
        sys.executable,
        runner_file("tuner.py"),
        "hold",
        tmp_path / "kept.json",
        str(silence_s),
    ]
    pipe = subprocess.PIPE
    held = subprocess.Popen([*words, root], stdin=pipe, stdout=pipe, start_new_session=True)
    assert held.stdout
    assert json.loads(held.stdout.readline())["state"] == "tuned"
    assert governors(root) == TUNED
    return held


def guardian(held: subprocess.Popen[bytes]) -> int:
    """The process that puts everything back."""
    children = Path(f"/proc/{held.pid}/task/{held.pid}/children").read_text().split()
    return int(children[0])


def test_held_and_put_back(here: Profile, root: Path):
    with tune.tuned(here, str(root)) as tuning:
        assert governors(root) == TUNED
        changes = {Path(name).parent.name: how for name, how in tuning.changed.items()}
        assert changes == {
            "policy0": "ondemand -> performance",
            "policy4": "schedutil -> performance",
        }
        assert not tuning.refused
        assert not tuning.recovered
        tuning.wait(0.01)
    assert governors(root) == USUAL
    assert list(Path(here.remote_dir).glob("*.json")) == []


def test_put_back_after_an_exception(here: Profile, root: Path):
    with pytest.raises(ZeroDivisionError), tune.tuned(here, str(root)):
        raise ZeroDivisionError
    eventually(lambda: governors(root) == USUAL)


def test_put_back_after_the_host_was_killed(tmp_path: Path, root: Path):
    words = [sys.executable, "-c", HOLD, str(tmp_path / "latkit"), str(root)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as host:
        assert host.stdout
        assert host.stdout.readline() == b"held\n"
        assert governors(root) == TUNED
        host.kill()
    eventually(lambda: governors(root) == USUAL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_put_back_after_the_program_was_ended(tmp_path: Path, root: Path, number: signal.Signals):
    with start(tmp_path, root) as held:
        held.send_signal(number)
        eventually(lambda: governors(root) == USUAL)


def test_put_back_after_its_whole_session_was_killed(tmp_path: Path, root: Path):
    with start(tmp_path, root) as held:
        eventually(lambda: os.getsid(guardian(held)) != os.getsid(held.pid))
        os.killpg(held.pid, signal.SIGKILL)
        eventually(lambda: governors(root) == USUAL)


def test_put_back_at_the_end_of_input(tmp_path: Path, root: Path):
    with start(tmp_path, root) as held:
        assert held.stdin
        held.stdin.close()
        eventually(lambda: governors(root) == USUAL)


def test_put_back_when_nobody_is_heard_any_more(tmp_path: Path, root: Path):
    with start(tmp_path, root, silence_s=3.0):
        eventually(lambda: governors(root) == USUAL)


def killed_with_its_guardian(tmp_path: Path, root: Path) -> None:
    with start(tmp_path, root) as held:
        os.kill(guardian(held), signal.SIGKILL)
        held.kill()
    assert governors(root) == TUNED


def test_what_was_left_is_put_back_by_the_next(tmp_path: Path, root: Path, here: Profile):
    kept = Path(here.remote_dir, "tuned.json")
    kept.parent.mkdir()
    killed_with_its_guardian(tmp_path, root)
    (tmp_path / "kept.json").rename(kept)
    deployed = deploy(LocalTransport(), here)
    assert tune.holding(deployed, str(root)) == "left"
    with tune.tuned(here, str(root)) as tuning:
        assert tuning.recovered
        assert governors(root) == TUNED
        assert tune.holding(deployed, str(root)) == "held"
    assert governors(root) == USUAL
    assert tune.holding(deployed, str(root)) == "free"


def test_a_restart_has_put_everything_back(tmp_path: Path, root: Path, here: Profile):
    kept = Path(here.remote_dir, "tuned.json")
    kept.parent.mkdir()
    killed_with_its_guardian(tmp_path, root)
    (tmp_path / "kept.json").rename(kept)
    lay_out(root, {"proc/sys/kernel/random/boot_id": "another\n"})
    lay_out(root, {f"{CPUFREQ}/policy0/scaling_governor": "powersave\n"})
    assert tune.holding(deploy(LocalTransport(), here), str(root)) == "free"
    with tune.tuned(here, str(root)) as tuning:
        assert not tuning.recovered
    assert governors(root)[0] == "powersave"


def test_a_second_one_is_refused(here: Profile, tmp_path: Path, root: Path, monkeypatch):
    folder = shutil.copytree(runner_dir(), tmp_path / "runners")
    impatient = runner_file("tuner.py").read_text().replace("BUSY_WAIT_S = 5.0", "BUSY_WAIT_S = 0")
    (folder / "tuner.py").write_text(impatient)
    monkeypatch.setattr("latkit.devices.runners.runner_dir", lambda: folder)
    with tune.tuned(here, str(root)):
        with pytest.raises(RemoteCommandError, match="somebody else"), tune.tuned(here, str(root)):
            pass
        assert governors(root) == TUNED


def test_a_jetsons_clocks(here: Profile, tmp_path: Path, root: Path, monkeypatch):
    clock, command = tmp_path / "clock", tmp_path / "bin" / "jetson_clocks"
    lay_out(tmp_path, {"clock": "306000000\n", "bin/jetson_clocks": JETSON_CLOCKS})
    command.write_text(JETSON_CLOCKS.replace("{clock}", str(clock)))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    with tune.tuned(here, str(root)) as tuning:
        assert clock.read_text() == "1020000000\n"
        assert tuning.changed["jetson_clocks"] == "clocks are fixed"
    assert clock.read_text() == "306000000\n"
    assert [file.name for file in Path(here.remote_dir).iterdir()] == ["runners"]


def test_what_needs_no_change_is_left_alone(here: Profile, root: Path):
    settings = [f"{CPUFREQ}/policy{number}/scaling_governor" for number in (0, 4)]
    lay_out(root, {settings[0]: "performance\n"})
    lay_out(root, {settings[1].replace("governor", "available_governors"): "schedutil\n"})
    with tune.tuned(here, str(root)) as tuning:
        assert not tuning.changed
        assert governors(root) == ["performance", "schedutil"]
    assert governors(root) == ["performance", "schedutil"]


def refuse(file: Path) -> None:
    """A setting that not even root can change."""
    file.unlink()
    file.symlink_to("/proc/sys/kernel/ostype")


def test_what_is_refused_is_told_with_the_reason(here: Profile, root: Path):
    refuse(root / CPUFREQ / "policy4/scaling_governor")
    with tune.tuned(here, str(root)) as tuning:
        assert list(map(Path, tuning.changed)) == [root / CPUFREQ / "policy0/scaling_governor"]
        assert len(tuning.refused) == 1
    assert governors(root)[0] == "ondemand"


def test_nothing_but_refusals(here: Profile, root: Path):
    for number in (0, 4):
        refuse(root / CPUFREQ / f"policy{number}/scaling_governor")
    with (
        pytest.raises(RemoteCommandError, match="nothing could be changed") as caught,
        tune.tuned(here, str(root)),
    ):
        pass
    assert "sudo tee" in (caught.value.hint or "")


def test_what_cannot_be_put_back_is_an_error_and_tried_again(here: Profile, root: Path):
    setting = root / CPUFREQ / "policy0/scaling_governor"
    with (
        pytest.raises(RemoteCommandError, match="not everything is as it was") as caught,
        tune.tuned(here, str(root)),
    ):
        refuse(setting)
    assert "tries again" in (caught.value.hint or "")
    assert governors(root)[1] == "schedutil"
    setting.unlink()
    setting.write_text("performance\n")
    with tune.tuned(here, str(root)) as tuning:
        assert tuning.recovered
    assert governors(root) == USUAL


def test_a_program_that_cannot_run(here: Profile, root: Path, monkeypatch: pytest.MonkeyPatch):
    broken = Deployed(LocalTransport(), here.model_copy(update={"python": "/bin/false"}), "/x/0")
    monkeypatch.setattr(tune, "deploy", lambda *_: broken)
    with pytest.raises(RemoteCommandError, match="cannot be tuned"), tune.tuned(here, str(root)):
        pass


def test_settings_that_are_lost_meanwhile_are_noticed(here: Profile, root: Path):
    def hold() -> None:
        with tune.tuned(here, str(root)) as tuning:
            os.kill(tuner_of(here), signal.SIGTERM)
            tuning.wait(WAIT_S)

    with pytest.raises(RemoteCommandError, match="not held any more"):
        hold()
    eventually(lambda: governors(root) == USUAL)


def tuner_of(profile: Profile) -> int:
    """The process that holds a profile's settings: the parent of the one that puts them back."""
    own = [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if profile.remote_dir.encode() in command_line(folder)
    ]
    assert len(own) == 2
    return min(own)


def command_line(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def on_board(root: Path, here: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line tunes the board in the folder."""
    monkeypatch.setattr("latkit.lab.device.load", lambda name: here)
    monkeypatch.setattr("latkit.lab.device.tuned", partial(tune.tuned, root=str(root)))


@pytest.mark.usefixtures("on_board")
def test_the_command_line(root: Path, capsys: pytest.CaptureFixture[str]):
    command = f"raise SystemExit(open({str(root / CPUFREQ)!r} + '/policy0/scaling_governor').read()"
    words = [sys.executable, "-c", f"{command} != 'performance' or 7)"]
    assert run(["device", "tune", "here", "--", *words]) == 7
    said = capsys.readouterr().err
    assert "ondemand -> performance" in said
    assert "here is as it was" in said
    assert governors(root) == USUAL


@pytest.mark.usefixtures("on_board")
def test_the_command_line_without_such_a_command(root: Path):
    assert run(["device", "tune", "here", "--", "no-such-program"]) == 2
    eventually(lambda: governors(root) == USUAL)


def plant(here: Profile, root: Path, **changes: object) -> Path:
    """What a run that was killed could have left, but for the changes."""
    boot_id = (root / "proc/sys/kernel/random/boot_id").read_text().strip()
    setting = f"{root}/{CPUFREQ}/policy0/scaling_governor"
    kept = {"boot_id": boot_id, "governors": {setting: "powersave"}, "clocks": False}
    file = Path(here.remote_dir, "tuned.json")
    file.parent.mkdir(mode=0o700)
    file.write_text(json.dumps(kept | changes))
    return file


def refuses_to_tune(here: Profile, root: Path) -> str:
    with (
        pytest.raises(RemoteCommandError, match="may be somebody else's work") as caught,
        tune.tuned(here, str(root)),
    ):
        pass
    with pytest.raises(RemoteCommandError, match="may be somebody else's work"):
        tune.holding(deploy(LocalTransport(), here), str(root))
    assert governors(root) == USUAL
    return caught.value.message


def test_what_was_left_by_this_user_is_put_back(here: Profile, root: Path):
    plant(here, root)
    with tune.tuned(here, str(root)) as tuning:
        assert tuning.recovered
    assert governors(root)[0] == "powersave"


@pytest.mark.parametrize(
    "setting",
    [
        "{tmp}/precious",
        "{root}/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq",
        "{root}/sys/devices/system/cpu/cpufreq/policy0/../../../../../../../precious",
        "{root}/sys/devices/system/cpu/cpufreq/policy9/scaling_governor",
        "{root}/sys/devices/system/cpu/cpufreq/./policy0/scaling_governor",
    ],
)
def test_only_governors_are_put_back(here: Profile, root: Path, tmp_path: Path, setting: str):
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    file = setting.format(tmp=tmp_path, root=root)
    plant(here, root, governors={file: "powersave"})
    assert "no setting of this computer" in refuses_to_tune(here, root)
    assert precious.read_text() == "mine\n"


@pytest.mark.parametrize("link", ["policy0/scaling_governor", "policy0"])
def test_a_link_is_no_governor(here: Profile, root: Path, tmp_path: Path, link: str):
    lay_out(tmp_path, {"elsewhere/scaling_governor": "mine\n"})
    plant(here, root)
    place = root / CPUFREQ / link
    if place.is_dir():
        shutil.copy(place / "scaling_available_governors", tmp_path / "elsewhere")
        shutil.rmtree(place)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.unlink()
        place.symlink_to(tmp_path / "elsewhere/scaling_governor")
    with pytest.raises(RemoteCommandError, match="no setting"), tune.tuned(here, str(root)):
        pass
    assert (tmp_path / "elsewhere/scaling_governor").read_text() == "mine\n"


@pytest.mark.parametrize("value", ["turbo", "", "ondemand\nx", 3, None, ["ondemand"]])
def test_only_what_the_kernel_offers_is_put_back(here: Profile, root: Path, value: object):
    setting = f"{root}/{CPUFREQ}/policy0/scaling_governor"
    plant(here, root, governors={setting: value})
    assert "no setting of this computer" in refuses_to_tune(here, root)


@pytest.mark.parametrize("changes", [{"governors": []}, {"governors": "x"}, {"clocks": "yes"}])
def test_what_is_no_plan_is_not_followed(here: Profile, root: Path, changes: dict[str, object]):
    plant(here, root, **changes)
    refuses_to_tune(here, root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make others' files")
def test_somebody_elses_plan_is_not_followed(here: Profile, root: Path):
    os.chown(plant(here, root), 65534, 65534)
    assert "belongs to user 65534" in refuses_to_tune(here, root)


def test_a_plan_that_others_may_write_is_not_followed(here: Profile, root: Path):
    plant(here, root).chmod(0o666)
    assert "others may write to" in refuses_to_tune(here, root)


def test_a_plan_behind_a_link_is_not_followed_nor_overwritten(
    here: Profile, root: Path, tmp_path: Path
):
    file = plant(here, root)
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    before = (tmp_path / "elsewhere.json").read_text()
    assert "is no regular file" in refuses_to_tune(here, root)
    assert (tmp_path / "elsewhere.json").read_text() == before


def test_what_lies_where_the_plan_is_written_is_not_followed(
    here: Profile, root: Path, tmp_path: Path
):
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    Path(here.remote_dir).mkdir(mode=0o700)
    for name in ("tuned.part", "tuned.json.clocks"):
        Path(here.remote_dir, name).symlink_to(precious)
    with tune.tuned(here, str(root)):
        assert governors(root) == TUNED
        assert Path(here.remote_dir, "tuned.json").stat().st_mode & 0o777 == 0o600
    assert governors(root) == USUAL
    assert precious.read_text() == "mine\n"


@pytest.mark.parametrize("content", ["", "{", "[]", "9" * 10_000, "[" * 100_000, "\x00" * 10**6])
def test_a_damaged_plan_is_passed_over(here: Profile, root: Path, content: str):
    plant(here, root).write_text(content)
    with tune.tuned(here, str(root)) as tuning:
        assert not tuning.recovered
    assert governors(root) == USUAL
