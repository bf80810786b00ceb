from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

import paramiko
import pytest

from latkit.devices.profile import create
from latkit.devices.transport import open_transport, ssh_choice, ssh_options
from latkit.devices.transport.ssh import SshTransport
from latkit.devices.transport.ssh_algorithms import accepts, disabled
from latkit.devices.transport.ssh_obstacles import obstacle
from latkit.devices.transport.ssh_options import Options
from latkit.devices.transport.ssh_target import resolve
from latkit.errors import UsageError
from tests import needs

KEY = paramiko.ECDSAKey.generate()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the configuration may name; no agent."""
    if shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        needs.lacking("OpenSSH's client is not installed", "apt-get install openssh-client")
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    keygen = ["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f"]
    for name in ("key", "authority"):
        subprocess.run([*keygen, str(tmp_path / name)], check=True)
    return tmp_path


def configure(folder: Path, *lines: str) -> None:
    usual = f"IdentityFile {folder}/key\nUserKnownHostsFile {folder}/known\n"
    (folder / "config").write_text("\n".join([*lines, usual]))


def why() -> str | None:
    return obstacle(resolve(create({"name": "board"})))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ProxyCommand none",
        "Host board\nProxyJump gate\nHost *",
        "CertificateFile {folder}/not-there-cert.pub",
        "IdentityAgent none",
        "IdentityAgent {folder}/nobody-listens",
        "GSSAPIAuthentication yes",
        "PKCS11Provider none",
        "PreferredAuthentications gssapi-with-mic,publickey",
        "KexAlgorithms +diffie-hellman-group1-sha1",
        "Ciphers aes128-ctr,chacha20-poly1305@openssh.com",
        "ForwardX11 yes",
    ],
)
def test_where_paramiko_can_go(folder: Path, line: str):
    configure(folder, line.format(folder=folder))
    assert why() is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ProxyCommand nc %h %p", "`ProxyCommand nc %h %p`"),
        ("CertificateFile {folder}/authority.pub", "certificate {folder}/authority.pub"),
        ("IdentityFile {folder}/sk", "{folder}/sk is on a FIDO token"),
        ("IdentityFile {folder}/sk.pub", "FIDO"),
        ("PKCS11Provider /usr/lib/opensc.so", "PKCS11Provider /usr/lib/opensc.so"),
        ("PubkeyAuthentication no", "not by public keys"),
        ("PreferredAuthentications gssapi-with-mic,hostbased", "not by public keys"),
        ("HostbasedAuthentication yes", "HostbasedAuthentication"),
        ("KnownHostsCommand /bin/true", "KnownHostsCommand"),
        ("RevokedHostKeys /etc/revoked", "RevokedHostKeys"),
        ("VerifyHostKeyDNS yes", "VerifyHostKeyDNS"),
        ("KexAlgorithms sntrup761x25519-sha512@openssh.com", "KexAlgorithms"),
        ("Ciphers chacha20-poly1305@openssh.com", "Ciphers"),
        ("MACs umac-128-etm@openssh.com", "MACs"),
        ("HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com", "HostKeyAlgorithms"),
        ("PubkeyAcceptedAlgorithms sk-ssh-ed25519@openssh.com", "PubkeyAcceptedAlgorithms"),
        ("BindInterface lo", "interface lo"),
        ("IdentityFile {folder}/key_%C", "only ssh can tell"),
    ],
)
def test_where_it_cannot(folder: Path, line: str, said: str):
    name = b"sk-ssh-ed25519@openssh.com"
    blob = paramiko.Message()
    for part in (name, b"k" * 32, b"ssh:"):
        blob.add_string(part)
    encoded = base64.b64encode(blob.asbytes()).decode()
    (folder / "sk.pub").write_text(f"{name.decode()} {encoded} a token\n")
    configure(folder, line.format(folder=folder))
    assert said.format(folder=folder) in (why() or "")


def test_a_certificate_beside_a_key(folder: Path):
    configure(folder)
    assert why() is None
    (folder / "key-cert.pub").touch()
    assert f"certificate {folder}/key-cert.pub" in (why() or "")


def test_an_authority_for_that_host(folder: Path):
    configure(folder)
    line = f"{KEY.get_name()} {KEY.get_base64()}\n"
    (folder / "known").write_text(f"@cert-authority *.lan {line}board {line}")
    assert why() is None
    (folder / "known").write_text(f"@cert-authority *.lan,board {line}")
    assert f"an authority ({folder}/known, line 1)" in (why() or "")


@pytest.mark.parametrize("has_ticket", [True, False])
def test_a_kerberos_ticket(folder: Path, monkeypatch: pytest.MonkeyPatch, has_ticket: bool):
    klist = folder / "klist"
    klist.write_text(f"#!/bin/sh\n[ $1 = -s ] && exec {str(has_ticket).lower()}\n")
    klist.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    configure(folder, "GSSAPIAuthentication yes")
    assert ("Kerberos ticket" in (why() or "")) == has_ticket
    configure(folder, "GSSAPIAuthentication no")
    assert why() is None


def test_a_jump_host_is_looked_at_too(folder: Path):
    configure(
        folder, "Host gate", "ProxyCommand nc %h %p", "Host board", "ProxyJump gate", "Host *"
    )
    assert (why() or "").startswith("for the jump host gate, the connection is made by")


class TestChoosing:
    def chosen(self, **values: object) -> object:
        return open_transport(create({"name": "board", **values}))

    def test_paramiko_where_it_can(self, folder: Path):
        configure(folder)
        assert isinstance(self.chosen(), SshTransport)

    @pytest.mark.parametrize(
        ("line", "transport"), [("ProxyCommand nc %h %p", "ssh"), ("", "openssh")]
    )
    def test_openssh_where_needed_or_wanted(
        self,
        folder: Path,
        line: str,
        transport: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ):
        configure(folder, line)
        made: list[object] = []
        monkeypatch.setattr(ssh_choice, "_openssh", lambda *given: made.append(given))
        self.chosen(transport=transport)
        assert len(made) == 1

    def test_no_program_is_said_with_the_reason(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ):
        configure(folder, "ProxyCommand nc %h %p")
        monkeypatch.setattr(ssh_options, "program", lambda: None)
        monkeypatch.setattr(ssh_choice, "program", lambda: None)
        with pytest.raises(UsageError, match=r"OpenSSH's client.*ProxyCommand nc") as caught:
            self.chosen()
        assert "openssh-client" in (caught.value.hint or "")


def test_what_the_configuration_leaves_of_paramiko_s_algorithms():
    told = Options([("kexalgorithms", "x,ecdh-sha2-nistp256"), ("ciphers", "+3des-cbc")])
    lacking = disabled(told)
    assert set(lacking) == {"kex"}
    assert "ecdh-sha2-nistp256" not in lacking["kex"]
    assert "diffie-hellman-group14-sha256" in lacking["kex"]


def test_which_keys_may_be_offered():
    told = Options([("pubkeyacceptedalgorithms", "rsa-sha2-256,ssh-ed25519")])
    assert accepts(told, "ssh-rsa")
    assert accepts(told, "ssh-ed25519")
    assert not accepts(told, "ecdsa-sha2-nistp256")
    assert accepts(Options([]), "ecdsa-sha2-nistp256")
