"""What runs on a device: named by its content, put there once, and mended where it is not whole."""

from __future__ import annotations

import os
import sys
import time
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


def test_each_is_started_by_one_that_keeps_others_modules_away(deployed: Deployed):
    *start, own, argument = deployed.words("tuner.py", "x")
    assert start == [sys.executable, "-u", f"{deployed.folder}/start.py", "tuner.py"]
    assert {"tuner", "boards", "runtime_onnxruntime"} <= set(own.split(","))
    assert argument == "x"


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
