"""Jump hosts: the configuration of several real servers, and what is said when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from latkit.errors import DeviceUnreachable, HostKeyError, UsageError
from tests.integration.sshd import Sshd, board, running_sshd


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, Sshd, Sshd]]:
    folder = tmp_path_factory.mktemp("jump")
    with (
        running_sshd(folder / "first", alias="first") as first,
        running_sshd(folder / "second", alias="second") as second,
        running_sshd(folder / "board", alias="board") as last,
    ):
        yield first, second, last


@pytest.fixture
def config(tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ssh_config"
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(file))
    return file


def connections(server: Sshd) -> int:
    """How many logins a server has accepted so far."""
    return (server.folder / "log").read_text().count("Accepted publickey")


def went_through(*servers: Sshd) -> list[bool]:
    before = [connections(server) for server in servers]
    with board() as transport:
        assert transport.run(["printenv", "LATKIT_TEST_SERVER"]).stdout == "board\n"
    return [connections(server) > count for server, count in zip(servers, before, strict=True)]


def test_one_jump_host_with_a_section_of_its_own(servers, config: Path):
    first, second, last = servers
    config.write_text(first.section("gate") + last.section("board", "ProxyJump gate"))
    assert went_through(first, second, last) == [True, False, True]


def test_a_chain(servers, config: Path):
    first, second, last = servers
    sections = first.section(), second.section(), last.section("board", "ProxyJump first,second")
    config.write_text("".join(sections))
    assert went_through(first, second, last) == [True, True, True]
    with board() as transport:
        transport.upload(Path(__file__), str(config.parent / "folder" / "copy"))
    assert (config.parent / "folder" / "copy").read_bytes() == Path(__file__).read_bytes()


def test_the_jump_host_has_a_jump_host(servers, config: Path):
    first, second, last = servers
    second_section = second.section("second", "ProxyJump first")
    config.write_text(first.section() + second_section + last.section("board", "ProxyJump second"))
    assert went_through(first, second, last) == [True, True, True]


@pytest.mark.parametrize("form", ["{user}@{address}:{port}", "ssh://{user}@{address}:{port}"])
def test_a_jump_host_without_a_section(servers, config: Path, form: str):
    first, second, last = servers
    jump = form.format(user=first.user, address=first.address, port=first.port)
    known = first.known_hosts.read_text() + last.known_hosts.read_text()
    together = config.with_name("known_hosts")
    together.write_text(known)
    config.write_text(
        last.section("board", f"ProxyJump {jump}").replace(str(last.known_hosts), str(together))
        + f"Host *\n    IdentityFile {first.user_key}\n    UserKnownHostsFile {together}\n"
    )
    assert went_through(first, second, last) == [True, False, True]


def test_none_means_no_jump(servers, config: Path):
    first, second, last = servers
    everything = "Host *\n    ProxyJump gate\n"
    config.write_text(first.section("gate", "ProxyJump none") + last.section("board") + everything)
    assert went_through(first, second, last) == [True, False, True]
    config.write_text(last.section("board", "ProxyJump none") + everything)
    assert went_through(first, second, last) == [False, False, True]


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
def test_a_jump_to_itself_is_refused(servers, config: Path, transport: str):
    # ssh itself would start one more ssh for every one, without end.
    first, _, last = servers
    everything = "Host *\n    ProxyJump gate\n"
    config.write_text(first.section("gate") + last.section("board") + everything)
    with pytest.raises(UsageError, match="more than 8 hosts") as caught, board(transport=transport):
        pass
    assert "ProxyJump none" in str(caught.value.hint)


def test_tokens_in_a_jump_are_those_of_the_device(servers, config: Path):
    first, second, last = servers
    jump = last.section("board", "ProxyJump %r@gate-%n")
    config.write_text(first.section("gate-board") + jump)
    assert went_through(first, second, last) == [True, False, True]


def test_the_host_key_of_the_jump_host_is_verified(servers, config: Path):
    first, _, last = servers
    unknown = first.section("gate").replace(str(first.known_hosts), "/no/such/file")
    config.write_text(unknown + last.section("board", "ProxyJump gate"))
    with pytest.raises(HostKeyError, match=f":{first.port} is not known yet") as caught, board():
        pass
    hint = caught.value.hint or ""
    assert "mkdir -p /no/such && ssh " in hint
    assert hint.endswith(" gate true")


def test_the_host_key_behind_the_jump_host_is_verified(servers, config: Path):
    first, _, last = servers
    unknown = last.section("board", "ProxyJump gate").replace(str(last.known_hosts), "/no/such")
    config.write_text(first.section("gate") + unknown)
    with pytest.raises(HostKeyError, match=f":{last.port} is not known yet"), board():
        pass


def test_the_device_is_down_behind_its_jump_host(servers, config: Path):
    first, _, last = servers
    closed = last.section("board", "ProxyJump gate").replace(f"Port {last.port}", "Port 1")
    config.write_text(first.section("gate") + closed)
    message = rf"127.0.0.1, port 1 cannot be reached from the jump host .*:{first.port}"
    with pytest.raises(DeviceUnreachable, match=message), board():
        pass


def test_the_jump_host_forbids_forwarding(tmp_path: Path, servers, config: Path):
    last = servers[2]
    with running_sshd(tmp_path / "strict", options="AllowTcpForwarding no") as strict:
        config.write_text(strict.section("gate") + last.section("board", "ProxyJump gate"))
        with pytest.raises(DeviceUnreachable, match="jump host") as caught, board():
            pass
    assert "AllowTcpForwarding" in (caught.value.hint or "")


def test_losing_the_jump_host_is_losing_the_link(tmp_path: Path, servers, config: Path):
    last = servers[2]
    with running_sshd(tmp_path / "gate") as gate:
        config.write_text(gate.section("gate") + last.section("board", "ProxyJump gate"))
        with board() as transport:
            gate.kill_sessions()
            with pytest.raises(DeviceUnreachable, match="was lost"):
                transport.run(["true"])
