"""What is in the user's ssh configuration and in a profile decides where a connection leads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from latkit.devices.profile import create
from latkit.devices.transport import open_transport
from latkit.errors import HostKeyError
from tests.integration.sshd import Sshd, make_key


def reach(name: str = "board", **values: object) -> str:
    with open_transport(create({"name": name, **values})) as transport:
        assert transport.run(["true"]).returncode == 0
        return transport.description


@pytest.fixture
def config(sshd_server: Sshd, ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = ssh_home / ".ssh" / "config"
    file.write_text(sshd_server.section("board"))
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(file))
    return file


def test_the_usual_places_are_read(sshd_server: Sshd, ssh_home_alone: Path):
    usual = ssh_home_alone / ".ssh"
    shutil.copy(sshd_server.user_key, usual / "id_ed25519")
    shutil.copy(sshd_server.known_hosts, usual / "known_hosts")
    assert reach(host="127.0.0.1", port=sshd_server.port)
    (usual / "config").write_text(f"Host board\n HostName 127.0.0.1\n Port {sshd_server.port}\n")
    assert reach()


def test_a_profile_without_an_address_is_a_host_of_the_configuration(sshd_server, config: Path):
    assert reach() == f"{sshd_server.user}@127.0.0.1:{sshd_server.port}"


def test_host_of_a_profile_may_be_another_alias(sshd_server: Sshd, config: Path):
    config.write_text(sshd_server.section("lab-17"))
    assert reach("kitchen", host="lab-17")


def test_included_files(sshd_server: Sshd, config: Path):
    (config.parent / "conf.d").mkdir()
    config.rename(config.parent / "conf.d" / "boards")
    config.write_text(f"Include {config.parent}/conf.d/*\nHost *\n    User nobody\n")
    assert reach().startswith(f"{sshd_server.user}@")


def test_a_profile_wins_over_the_configuration(sshd_server: Sshd, config: Path):
    wrong = make_key(config.parent / "wrong")
    text = sshd_server.section("board", key=wrong)
    text = text.replace(f"Port {sshd_server.port}", "Port 1").replace(sshd_server.user, "nobody")
    config.write_text(text.replace(f"HostName {sshd_server.address}", "HostName other.invalid"))
    (config.parent / "known_hosts").write_text(sshd_server.known_hosts.read_text())
    assert reach(
        host="127.0.0.1",
        port=sshd_server.port,
        user=sshd_server.user,
        identity_file=str(sshd_server.user_key),
    )


def test_several_identity_files_are_tried_in_turn(sshd_server: Sshd, config: Path):
    wrong = make_key(config.parent / "wrong")
    config.write_text(
        sshd_server.section("board", f"IdentityFile {sshd_server.user_key}", key=wrong)
    )
    assert reach()


def test_host_key_alias(sshd_server: Sshd, config: Path):
    public = (sshd_server.folder / "host_key.pub").read_text()
    known = config.parent / "by_alias"
    known.write_text(f"kitchen-board {public}")
    text = sshd_server.section("board").replace(str(sshd_server.known_hosts), str(known))
    config.write_text(text)
    with pytest.raises(HostKeyError):
        reach()
    config.write_text(f"{text}    HostKeyAlias kitchen-board\n")
    assert reach()


def test_the_second_known_hosts_file_counts_too(sshd_server: Sshd, config: Path):
    both = f"/no/such/file {sshd_server.known_hosts}"
    text = sshd_server.section("board").replace(str(sshd_server.known_hosts), both)
    config.write_text(text)
    assert reach()


def test_a_key_known_for_the_bare_host_vouches_for_another_port(sshd_server, config: Path):
    public = (sshd_server.folder / "host_key.pub").read_text()
    known = config.parent / "bare"
    known.write_text(f"127.0.0.1 {public}")
    config.write_text(
        sshd_server.section("board").replace(str(sshd_server.known_hosts), str(known))
    )
    assert reach()
    other = make_key(config.parent / "other").with_suffix(".pub").read_text()
    known.write_text(f"127.0.0.1 {other}")
    with pytest.raises(HostKeyError, match="not known yet"):
        reach()
