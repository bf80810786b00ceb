"""What only OpenSSH's client can do, on real servers: certificates, proxies, new methods."""

from __future__ import annotations

import logging
import shutil
import subprocess
from pathlib import Path

import pytest

from latkit.devices.profile import create
from latkit.devices.transport import open_transport
from latkit.errors import DeviceUnreachable, HostKeyError
from tests.integration.ssh_doors import by_paramiko
from tests.integration.sshd import Sshd, make_key, running_sshd


def works(server: Sshd, monkeypatch: pytest.MonkeyPatch, **values: object) -> bool:
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
    with open_transport(create({"name": server.alias, **values})) as transport:
        return transport.run(["echo", "in"]).stdout == "in\n"


def signed(authority: Path, key: Path, *options: str) -> Path:
    """The certificate of a key."""
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options]
    subprocess.run([*command, f"{key}.pub"], check=True, capture_output=True)
    return key.with_name(f"{key.name}-cert.pub")


def test_a_user_certificate(tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch):
    authority = make_key(tmp_path / "authority")
    trusting = f"TrustedUserCAKeys {authority}.pub\nAuthorizedKeysFile none"
    with running_sshd(tmp_path / "sshd") as server:
        settings = server.folder / "sshd_config"
        plain = settings.read_text().replace("AuthorizedKeysFile", "# AuthorizedKeysFile")
        settings.write_text(f"{plain}\n{trusting}\n")
        server.reload()
        with pytest.raises(DeviceUnreachable):
            works(server, monkeypatch)
        signed(authority, server.user_key, "-n", server.user)
        assert works(server, monkeypatch)


def test_a_host_certificate(tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch):
    authority = make_key(tmp_path / "authority")
    with running_sshd(tmp_path / "sshd") as server:
        certificate = signed(authority, server.folder / "host_key", "-h", "-n", "127.0.0.1")
        with (server.folder / "sshd_config").open("a") as settings:
            settings.write(f"HostCertificate {certificate}\n")
        server.reload()
        trusted = f"@cert-authority * {Path(f'{authority}.pub').read_text()}"
        server.known_hosts.write_text(trusted)
        assert works(server, monkeypatch)
        other = make_key(tmp_path / "other")
        server.known_hosts.write_text(f"@cert-authority * {Path(f'{other}.pub').read_text()}")
        with pytest.raises(HostKeyError):
            works(server, monkeypatch)


def test_a_proxy_command(tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch):
    with running_sshd(tmp_path / "sshd", "jump") as jump, running_sshd(tmp_path / "far") as far:
        proxy = f"ProxyCommand ssh -F {jump.config} -W %h:%p jump"
        far.config.write_text(far.section(None, proxy))
        assert works(far, monkeypatch)
        far.config.write_text(far.section(None, "ProxyCommand sh -c 'echo no way >&2; sleep 1'"))
        with pytest.raises(DeviceUnreachable, match="no way"):
            works(far, monkeypatch)


def test_by_the_profiles_word(sshd: Sshd, monkeypatch: pytest.MonkeyPatch, caplog):
    caplog.set_level(logging.INFO)
    assert works(sshd, monkeypatch, transport="openssh")
    assert works(sshd, monkeypatch, transport="openssh", user=sshd.user, port=sshd.port)


@pytest.mark.parametrize(
    "setting",
    [
        "KexAlgorithms sntrup761x25519-sha512@openssh.com",
        "KexAlgorithms diffie-hellman-group18-sha512",
        "Ciphers chacha20-poly1305@openssh.com",
        "MACs umac-128-etm@openssh.com\nCiphers aes128-ctr",
    ],
)
def test_methods_that_paramiko_lacks(
    tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch, setting: str
):
    (tmp_path / "model").write_bytes(b"content")
    with running_sshd(tmp_path / "sshd", options=setting) as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        with by_paramiko(server) as transport:
            assert transport.run(["echo", "in"]).stdout == "in\n"
            transport.upload(tmp_path / "model", str(tmp_path / "there"))
        assert (tmp_path / "there").read_bytes() == b"content"
        monkeypatch.setattr(shutil, "which", lambda _: None)
        with pytest.raises(DeviceUnreachable) as caught, by_paramiko(server):
            pass
    assert "no encryption that both sides know" in caught.value.message
    assert "openssh-client" in (caught.value.hint or "")
