"""A device that was reached, and then the link to it is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest
from paramiko.common import cMSG_CHANNEL_DATA

from latkit.devices.transport.base import RemoteProcess
from latkit.errors import DeviceUnreachable
from tests.conformance.transport import line, process_ended, running
from tests.integration.sshd import Sshd, board, running_sshd


class TestLostLink:
    def test_session_killed_in_the_middle_of_a_command(self, own_sshd: Sshd):
        with board() as transport:
            threading.Timer(0.5, own_sshd.kill_sessions).start()
            for command in (["sleep", "30"], ["true"]):
                with pytest.raises(DeviceUnreachable, match=r"link to .* was lost: (Conn|closed)"):
                    transport.run(command)

    def test_input_on_its_way_to_a_command_that_has_ended_costs_nothing(
        self, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
    ):
        """Messages are held up at the worst moment: the channel's end overtakes its input."""
        send = paramiko.Transport._send_user_message

        def late(transport: paramiko.Transport, message: paramiko.Message) -> None:
            if message.asbytes().startswith(cMSG_CHANNEL_DATA):
                time.sleep(0.5)
            send(transport, message)

        with board() as transport:
            transport.home()
            monkeypatch.setattr(paramiko.Transport, "_send_user_message", late)
            assert transport.run(["sleep", "0.1"], stdin=b"x" * 100_000).returncode == 0
            assert transport.run(["echo", "again"]).stdout == "again\n"

    def test_session_killed_while_waiting_for_a_line(self, own_sshd: Sshd):
        with board() as transport, running(transport, "input()") as process:
            threading.Timer(0.5, own_sshd.kill_sessions).start()
            with pytest.raises(DeviceUnreachable, match="was lost"):
                line(process)
            with pytest.raises(DeviceUnreachable, match="was lost"):
                process.send(b"x")
            assert process.close() is None

    @pytest.mark.parametrize(
        ("code", "talk"),
        [
            pytest.param("input()", lambda process: process.receive(60.0, 1000), id="reading"),
            pytest.param(
                "import time; time.sleep(60)",
                lambda process: process.send(b"x" * 30_000_000),
                id="writing",
            ),
        ],
    )
    def test_a_server_that_hangs_is_noticed(
        self,
        own_sshd: Sshd,
        monkeypatch: pytest.MonkeyPatch,
        code: str,
        talk: Callable[[RemoteProcess], object],
    ):
        monkeypatch.setattr("latkit.devices.transport.ssh_heart.BEAT_S", 0.5)
        monkeypatch.setattr("latkit.devices.transport.ssh_heart.ANSWER_LIMIT_S", 1.0)
        with (
            board() as transport,
            running(transport, code) as process,
            own_sshd.hanging(),
            pytest.raises(DeviceUnreachable, match="was lost: no answer"),
        ):
            talk(process)

    def test_session_killed_in_the_middle_of_an_upload(self, own_sshd: Sshd, tmp_path: Path):
        model = tmp_path / "model"
        with model.open("wb") as file:
            file.truncate(2_000_000_000)
        with board() as transport:
            assert not transport.exists("/no/such/file")
            threading.Timer(0.3, own_sshd.kill_sessions).start()
            with pytest.raises(DeviceUnreachable, match="was lost"):
                transport.upload(model, str(tmp_path / "there" / "model"))
        assert not (tmp_path / "there" / "model").exists()

    def test_a_process_that_watches_its_input_ends_with_the_session(self, own_sshd: Sshd):
        with (
            board() as transport,
            running(transport, "import os; print(os.getpid()); input()") as p,
        ):
            runner = int(line(p) or 0)
            own_sshd.kill_sessions()
            assert process_ended(runner)


@pytest.fixture
def distant_sshd(
    tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Sshd, str]]:
    """A server behind a network link that can be cut, and that link's name."""
    if os.getuid() != 0 or not all(map(shutil.which, ("ip", "tc"))):
        pytest.skip("cutting a network link needs root and iproute2")
    name = f"lk{os.getpid() % 100_000}"
    near, far = f"{name}a", f"{name}b"
    subnet = f"10.{200 + os.getpid() % 50}.{os.getpid() % 250}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode != 0:
        pytest.skip("network namespaces are not allowed here")
    try:
        for command in (
            f"ip link add {near} type veth peer name {far} netns {name}",
            f"ip addr add {subnet}.1/24 dev {near}",
            f"ip link set {near} up",
            f"ip -n {name} addr add {subnet}.2/24 dev {far}",
            f"ip -n {name} link set {far} up",
        ):
            subprocess.run(command.split(), check=True, capture_output=True)
        prefix = ["ip", "netns", "exec", name]
        with running_sshd(tmp_path / "far", address=f"{subnet}.2", prefix=prefix) as server:
            monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
            yield server, near
    finally:
        subprocess.run(["ip", "link", "del", near], capture_output=True)
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def test_a_link_that_dies_in_silence_is_noticed(
    distant_sshd: tuple[Sshd, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("latkit.devices.transport.ssh_connect.KEEPALIVE_S", 1)
    monkeypatch.setattr("latkit.devices.transport.ssh_connect.UNACKNOWLEDGED_LIMIT_S", 2.0)
    _, link = distant_sshd
    with board() as transport, running(transport, "input()") as process:
        # Every packet is dropped, and no end is told to anybody.
        cut = ["tc", "qdisc", "add", "dev", link, "root", "tbf"]
        limits = ["rate", "8bit", "burst", "1", "limit", "1"]
        subprocess.run([*cut, *limits], check=True, capture_output=True)
        with pytest.raises(DeviceUnreachable, match="was lost"):
            process.receive(60.0, 1000)
