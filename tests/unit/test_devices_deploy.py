"""What runs on a device: named by its content, put there once, and mended where it is not whole."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latkit.devices import runners
from latkit.devices.deploy import Deployed, deploy, put
from latkit.devices.profile import Profile, create
from latkit.devices.transport import CommandResult
from latkit.devices.transport.local import LocalTransport
from latkit.errors import RemoteCommandError, UnknownNameError


class Counting(LocalTransport):
    """Knows which commands it ran and which files it put there."""

    def __init__(self) -> None:
        self.commands = 0
        self.uploads: list[str] = []

    def run(self, argv, **options) -> CommandResult:
        self.commands += 1
        return super().run(argv, **options)

    def upload(self, local: Path, remote: str) -> None:
        self.uploads.append(Path(remote).name)
        super().upload(local, remote)


@pytest.fixture
def transport() -> Counting:
    return Counting()


@pytest.fixture
def device(tmp_path: Path) -> Profile:
    return create({"name": "here", "transport": "local", "remote_dir": f"{tmp_path}/the device"})


@pytest.fixture
def deployed(transport: Counting, device: Profile) -> Deployed:
    found = deploy(transport, device)
    transport.commands, transport.uploads = 0, []
    return found


def there(deployed: Deployed) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path(deployed.folder).glob("*.py")}


def test_all_of_it_is_put_there(deployed: Deployed, device: Profile):
    files = runners.runner_files("onnxruntime")
    assert there(deployed) == {name: file.read_bytes() for name, file in files.items()}
    assert Path(deployed.folder).parent == Path(device.remote_dir, "runners")
    assert deployed.digest == runners.runner_digest("onnxruntime")[:16]
    assert deployed.words("tuner.py", "x") == [
        sys.executable,
        "-u",
        f"{deployed.folder}/tuner.py",
        "x",
    ]


def test_once_and_told_by_one_command(transport: Counting, device: Profile, deployed: Deployed):
    assert deploy(transport, device) == deployed
    assert (transport.commands, transport.uploads) == (1, [])


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        lambda file: file.write_bytes(file.read_bytes().replace(b"import", b"IMPORT")),
        lambda file: file.unlink(),
        lambda file: (file.unlink(), file.symlink_to("/nowhere")),
        lambda file: (file.unlink(), os.mkfifo(file)),
    ],
    ids=["empty", "cut short", "changed", "absent", "a broken link", "a pipe"],
)
def test_what_is_not_whole_is_replaced_and_nothing_else(
    transport: Counting, device: Profile, deployed: Deployed, damage
):
    whole = there(deployed)
    damage(Path(deployed.folder, "timing.py"))
    assert deploy(transport, device) == deployed
    assert transport.uploads == ["timing.py"]
    assert there(deployed) == whole


def test_whichever_is_empty_is_replaced(transport: Counting, device: Profile, deployed: Deployed):
    whole = there(deployed)
    for name in whole:
        Path(deployed.folder, name).write_bytes(b"")
    deploy(transport, device)
    assert sorted(transport.uploads) == sorted(whole)
    assert there(deployed) == whole


def test_another_version_has_a_place_of_its_own(
    tmp_path: Path, device: Profile, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
):
    newer = tmp_path / "newer"
    newer.mkdir()
    for file in runners.runner_dir().glob("*.py"):
        (newer / file.name).write_bytes(file.read_bytes())
    (newer / "timing.py").write_text("print(2)")
    monkeypatch.setattr(runners, "runner_dir", lambda: newer)
    second = deploy(LocalTransport(), device)
    assert second.folder != deployed.folder
    assert there(second)["timing.py"] == b"print(2)"
    assert there(deployed)["timing.py"] != b"print(2)"


def test_one_in_use_does_not_grow_old(transport: Counting, device: Profile, deployed: Deployed):
    long_ago = time.time() - 40 * 86_400
    os.utime(deployed.folder, (long_ago, long_ago))
    deploy(transport, device)
    assert Path(deployed.folder).stat().st_mtime > time.time() - 3600


def test_only_what_differs_is_put(transport: Counting, device: Profile, tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    folder = f"{tmp_path}/folder"
    put(transport, device, folder, {"one": one})
    put(transport, device, folder, {"one": one, "second": two})
    assert transport.uploads == ["one", "second"]
    assert Path(folder, "second").read_text() == "2"


@pytest.mark.parametrize("python", ["latkit-no-such-python", "false", "echo"])
def test_a_device_without_python_says_so(device: Profile, transport: Counting, python: str):
    with pytest.raises(RemoteCommandError, match="nothing can be run on this computer") as caught:
        deploy(transport, device.model_copy(update={"python": python}))
    assert "Python 3.8" in (caught.value.hint or "")
    assert transport.uploads == []


@pytest.mark.parametrize(
    "said",
    [
        "",
        "hello",
        "[1]",
        '{"timing.py": 3}',
        '{"timing.py": "%s"}' % ("0" * 65),
        "\x00",
        "{" * 9999,
    ],
)
def test_what_no_device_should_say(device: Profile, monkeypatch: pytest.MonkeyPatch, said: str):
    monkeypatch.setattr(LocalTransport, "run", lambda *_, **__: CommandResult(0, said, ""))
    with pytest.raises(RemoteCommandError, match="nothing can be run on this computer"):
        deploy(LocalTransport(), device)


def test_an_unknown_runtime_is_put_nowhere(device: Profile, transport: Counting):
    with pytest.raises(UnknownNameError, match="unknown runtime 'onxruntime'"):
        deploy(transport, device.model_copy(update={"runtime": "onxruntime"}))
    assert transport.commands == 0


NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make others' files")


def planted(device: Profile, change: Callable[[Path], object], place: str = "") -> Profile:
    folder = Path(device.remote_dir, place)
    folder.mkdir(parents=True)
    change(folder)
    return device


def refused(device: Profile, words: str = "nothing is run from") -> str:
    transport = Counting()
    with pytest.raises(RemoteCommandError, match=words) as caught:
        deploy(transport, device)
    assert transport.uploads == []
    assert "remote_dir" in (caught.value.hint or "")
    assert "chmod" not in (caught.value.hint or "")  # it mends no other fault than one
    return caught.value.message


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o722, 0o1777, 0o2770])
@pytest.mark.parametrize("place", ["", "runners"])
def test_a_folder_that_others_may_write_to_is_refused(device: Profile, mode: int, place: str):
    said = refused(planted(device, lambda folder: folder.chmod(mode), place))
    assert f"others may write to {Path(device.remote_dir, place)} (mode {mode:04o})" in said
    assert f"chmod go-w {shlex.quote(str(Path(device.remote_dir, place)))}" in said


@needs_root
@pytest.mark.parametrize("place", ["", "runners"])
def test_somebody_elses_folder_is_refused(device: Profile, place: str):
    said = refused(planted(device, lambda folder: os.chown(folder, NOBODY, NOBODY), place))
    assert f"{Path(device.remote_dir, place)} belongs to user {NOBODY}, not to 0" in said


@needs_root
@pytest.mark.parametrize("link", [False, True])
def test_a_way_there_that_somebody_else_made_is_refused(tmp_path: Path, device, link: bool):
    way, own = tmp_path / "way", tmp_path / "own"
    (own / "latkit").mkdir(parents=True)
    if link:
        way.symlink_to(own)
    else:
        (way / "latkit").mkdir(parents=True)
    os.chown(way, NOBODY, NOBODY, follow_symlinks=False)
    said = refused(device.model_copy(update={"remote_dir": f"{way}/latkit"}))
    assert f"{way} belongs to user {NOBODY}" in said


def test_a_way_there_that_others_could_change_is_refused(tmp_path: Path, device: Profile):
    way = tmp_path / "way"
    way.mkdir()
    way.chmod(0o777)
    inner = device.model_copy(update={"remote_dir": f"{way}/latkit"})
    assert f"others may write to {way} (mode 0777)" in refused(inner)
    way.chmod(0o1777)  # as /tmp: what is in it is its owner's
    deploy(LocalTransport(), inner)


def test_a_link_below_it_is_refused(tmp_path: Path, device: Profile):
    (tmp_path / "elsewhere").mkdir()
    Path(device.remote_dir).mkdir()
    Path(device.remote_dir, "runners").symlink_to(tmp_path / "elsewhere")
    assert "is no folder" in refused(device)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_ones_own_link_to_ones_own_folder_is_followed(tmp_path: Path, device: Profile):
    (tmp_path / "disk").mkdir(mode=0o700)
    Path(device.remote_dir).symlink_to("disk")
    deploy(LocalTransport(), device)
    assert (tmp_path / "disk" / "runners").is_dir()


def test_links_in_circles_are_refused(tmp_path: Path, device: Profile):
    Path(device.remote_dir).symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(device.remote_dir)
    assert "in circles" in refused(device)


def test_what_is_made_is_for_its_user_alone(device: Profile):
    before = os.umask(0)
    try:
        folder = Path(deploy(LocalTransport(), device, "models").folder)
    finally:
        os.umask(before)
    made = [folder, folder.parent, folder.parent.parent, Path(device.remote_dir, "models")]
    assert {one.stat().st_mode & 0o777 for one in made} == {0o700}


@needs_root
def test_a_file_that_somebody_else_put_there_is_replaced(device: Profile, deployed: Deployed):
    os.chown(Path(deployed.folder, "timing.py"), NOBODY, NOBODY)
    transport = Counting()
    deploy(transport, device)
    assert transport.uploads == ["timing.py"]


def test_a_folder_that_cannot_be_made_says_why(device: Profile):
    Path(device.remote_dir).write_text("")
    assert "is no folder" in refused(device)
    nowhere = device.model_copy(update={"remote_dir": "/proc/latkit"})
    assert "/proc/latkit: " in refused(nowhere, "nothing can be put into")


READ_ONLY = """#!/bin/sh
exec unshare -m sh -c '
    mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"
' FOLDER PYTHON "$@"
"""


def test_a_disk_that_became_read_only_is_named(tmp_path: Path, device: Profile, deployed: Deployed):
    if shutil.which("unshare") is None or subprocess.call(["unshare", "-m", "true"]) != 0:
        pytest.skip("only root can mount, and not in every container")
    python = tmp_path / "python3"
    script = READ_ONLY.replace("FOLDER", shlex.quote(device.remote_dir))
    python.write_text(script.replace("PYTHON", sys.executable))
    python.chmod(0o755)
    said = refused(device.model_copy(update={"python": str(python)}), "nothing can be put into")
    assert f"{deployed.folder}: Read-only file system" in said


@needs_root
def test_a_home_that_is_somebody_elses_is_refused(
    tmp_path: Path, device: Profile, monkeypatch: pytest.MonkeyPatch
):
    """As ``sudo`` leaves it, where it keeps HOME."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    monkeypatch.setenv("HOME", str(home))
    assert f"{home} belongs to user {NOBODY}" in refused(
        device.model_copy(update={"remote_dir": "~/.cache/latkit"})
    )
    os.chown(home, 0, 0)
    tmp_path.chmod(0o777)  # above it, all is as the device's owner wants it
    deploy(LocalTransport(), device.model_copy(update={"remote_dir": "~/.cache/latkit"}))
