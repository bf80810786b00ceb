"""Which program connects: paramiko, or OpenSSH's client where that is needed or wanted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from latkit.devices.profile import create
from latkit.devices.transport import open_transport, ssh_choice, ssh_options
from latkit.errors import DeviceUnreachable, HostKeyError, LatkitError, UsageError
from tests import needs
from tests.integration.sshd import Sshd, make_key, running_sshd

SERVER = ["printenv", "LATKIT_TEST_SERVER"]


@pytest.fixture(autouse=True)
def _client():
    if shutil.which("ssh") is None:
        needs.lacking("OpenSSH's client is not installed", "apt-get install openssh-client")


@pytest.fixture
def config(tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ssh_config"
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(file))
    return file


def reach(**values: object) -> str:
    with open_transport(create({"name": "board", **values})) as transport:
        return transport.run(SERVER).stdout.strip()


def failure() -> LatkitError:
    with pytest.raises(LatkitError) as caught:
        reach()
    return caught.value


def signed(authority: Path, key: Path, *options: str) -> None:
    """Put a certificate beside a key."""
    public = f"{key}.pub"
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options, public]
    subprocess.run(command, check=True, capture_output=True)


def test_by_the_word_of_the_profile(sshd_server: Sshd, config: Path, tmp_path: Path):
    config.write_text(sshd_server.section("board"))
    with open_transport(create({"name": "board", "transport": "openssh"})) as transport:
        assert transport.run(SERVER).stdout == "board\n"
        transport.upload(Path(__file__), str(tmp_path / "folder" / "copy"))
        assert transport.description == f"{sshd_server.user}@127.0.0.1:{sshd_server.port}"
    assert (tmp_path / "folder" / "copy").read_bytes() == Path(__file__).read_bytes()


def test_the_profile_s_own_words_win_there_too(sshd_server: Sshd, config: Path):
    wrong = make_key(config.with_name("wrong"))
    text = sshd_server.section("board", key=wrong).replace(f"Port {sshd_server.port}", "Port 1")
    config.write_text(text.replace(f"User {sshd_server.user}", "User nobody"))
    own = {"user": sshd_server.user, "port": sshd_server.port}
    key = str(sshd_server.user_key)
    assert reach(transport="openssh", identity_file=key, **own) == "board"


def test_proxy_command(sshd_server: Sshd, config: Path):
    gate = sshd_server.section("gate")
    command = f"ProxyCommand ssh -F {config} -W [%h]:%p gate"
    config.write_text(gate + sshd_server.section("board", command))
    assert reach() == "board"


def test_a_proxy_command_without_an_ssh_program(
    sshd_server: Sshd, config: Path, monkeypatch: pytest.MonkeyPatch
):
    config.write_text(sshd_server.section("board", "ProxyCommand nc %h %p"))
    monkeypatch.setattr(ssh_options, "program", lambda: None)
    monkeypatch.setattr(ssh_choice, "program", lambda: None)
    with pytest.raises(UsageError, match=r"`ProxyCommand nc %h %p`") as caught:
        reach()
    assert "openssh-client" in (caught.value.hint or "")


def test_a_user_s_certificate(tmp_path: Path, config: Path):
    authority = make_key(tmp_path / "authority")
    with running_sshd(tmp_path / "server", options=f"TrustedUserCAKeys {authority}.pub") as server:
        (server.folder / "authorized_keys").write_text("")
        config.write_text(server.section("board"))
        assert isinstance(failure(), DeviceUnreachable)
        signed(authority, server.user_key, "-n", server.user)
        assert reach() == "board"
        moved = tmp_path / "elsewhere-cert.pub"
        shutil.move(f"{server.user_key}-cert.pub", moved)
        config.write_text(server.section("board", f"CertificateFile {moved}"))
        assert reach() == "board"


def test_a_host_s_certificate(tmp_path: Path, config: Path):
    authority = make_key(tmp_path / "authority")
    certificate = tmp_path / "server" / "host_key-cert.pub"
    with running_sshd(tmp_path / "server") as server:
        signed(authority, server.folder / "host_key", "-h", "-n", "127.0.0.1")
        settings = server.folder / "sshd_config"
        settings.write_text(f"{settings.read_text()}HostCertificate {certificate}\n")
        server.reload()
        config.write_text(server.section("board"))
        server.known_hosts.write_text("")
        assert "not known yet" in failure().message
        public = authority.with_suffix(".pub").read_text()
        server.known_hosts.write_text(f"@cert-authority [127.0.0.1]:* {public}")
        assert reach() == "board"


def test_a_key_exchange_that_paramiko_lacks(tmp_path: Path, config: Path):
    newest = "KexAlgorithms sntrup761x25519-sha512@openssh.com"
    with running_sshd(tmp_path / "server", options=newest) as server:
        config.write_text(server.section("board"))
        assert reach() == "board"


def test_a_key_exchange_that_the_configuration_allows_though_it_is_old(
    tmp_path: Path, config: Path
):
    oldest = "KexAlgorithms diffie-hellman-group1-sha1"
    with running_sshd(tmp_path / "server", options=oldest) as server:
        config.write_text(server.section("board"))
        message = failure().message
        assert "diffie-hellman-group1-sha1" in message
        assert "very old" not in message
        config.write_text(server.section("board", "KexAlgorithms +diffie-hellman-group1-sha1"))
        assert reach() == "board"


@pytest.mark.parametrize("thrown_away", ["/dev/null", "none"])
def test_host_keys_are_verified_where_the_configuration_throws_them_away(
    sshd_server: Sshd, config: Path, ssh_home_alone: Path, thrown_away: str
):
    section = sshd_server.section("board", "StrictHostKeyChecking no")
    config.write_text(section.replace(str(sshd_server.known_hosts), thrown_away))
    with pytest.raises(LatkitError, match="not known"):
        reach(transport="openssh")
    shutil.copy(sshd_server.known_hosts, ssh_home_alone / ".ssh" / "known_hosts")
    assert reach(transport="openssh") == "board"


@pytest.mark.parametrize("recorded", ["nothing", "another key"])
def test_the_key_of_a_jump_host_is_mended_at_the_jump_host(
    sshd_server: Sshd, config: Path, tmp_path: Path, recorded: str
):
    with running_sshd(tmp_path / "gate", alias="gate") as gate:
        other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
        gate.known_hosts.write_text(f"{gate.lookup_name} {other}" if recorded != "nothing" else "")
        config.write_text(gate.section() + sshd_server.section("board", "ProxyJump gate"))
        with pytest.raises(HostKeyError) as caught:
            reach(transport="openssh")
        hint = caught.value.hint or ""
        assert hint.endswith(" gate true")
        assert (f"ssh-keygen -f {gate.known_hosts} -R" in hint) == (recorded != "nothing")
