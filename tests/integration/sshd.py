"""A real OpenSSH server of the tests' own: private keys, port, known_hosts and ssh configuration.

Works as root in a container and as a normal user; logs in as whoever runs the tests. Nothing of
the user's own ~/.ssh is read or written.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from latkit.devices import ssh_config
from latkit.devices.profile import create
from latkit.devices.transport import Transport, open_transport
from tests import needs

_SERVER = shutil.which("sshd") or "/usr/sbin/sshd"
_CONFIG = """\
ListenAddress {address}
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
# With this, bash does not run the start-up files of whoever runs the tests.
SetEnv SHLVL=2 LATKIT_TEST_SERVER={alias}
{subsystem}
"""


@dataclass
class Sshd:
    """A running server and what a client needs in order to reach it.

    ``alias`` is its ``Host`` in the client configuration ``config``.
    """

    folder: Path
    alias: str
    port: int
    address: str = "127.0.0.1"
    options: str = ""
    sftp: str | None = "internal-sftp"
    prefix: list[str] = field(default_factory=list)
    user: str = field(default_factory=getpass.getuser)

    @property
    def subsystem(self) -> str:
        return f"Subsystem sftp {self.sftp}" if self.sftp else ""

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def user_key(self) -> Path:
        return self.folder / "user_key"

    @property
    def lookup_name(self) -> str:
        return f"[{self.address}]:{self.port}"

    def section(self, alias: str | None = None, *lines: str, key: Path | None = None) -> str:
        """A ``Host`` section that reaches it."""
        settings = [
            f"HostName {self.address}",
            f"Port {self.port}",
            f"User {self.user}",
            f"IdentityFile {key or self.user_key}",
            "IdentitiesOnly yes",
            f"UserKnownHostsFile {self.known_hosts}",
            *lines,
        ]
        return "\n    ".join([f"Host {alias or self.alias}", *settings]) + "\n"

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        make_key(self.folder / "host_key")
        make_key(self.user_key)
        shutil.copy(f"{self.user_key}.pub", self.folder / "authorized_keys")
        self.trust()
        self.config.write_text(self.section())
        text = _CONFIG.format(**vars(self), subsystem=self.subsystem)
        (self.folder / "sshd_config").write_text(f"{text}{self.options}\n")

    def trust(self) -> None:
        """Record the host key as it is now."""
        public = (self.folder / "host_key.pub").read_text()
        self.known_hosts.write_text(f"# of the tests\n{self.lookup_name} {public}")

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        command = [*self.prefix, _SERVER, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        log.close()

    def reload(self) -> None:
        """Let it read its settings again; it listens when this returns."""
        seen = len((self.folder / "log").read_text())
        os.kill(self.process.pid, signal.SIGHUP)
        for _ in range(3000):
            _, restarted, said = (self.folder / "log").read_text()[seen:].partition("SIGHUP")
            if restarted and "Server listening" in said:
                return
            time.sleep(0.02)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        """End the server, every session of it, and what sessions that were killed left running."""
        self.kill_sessions()
        self.process.terminate()
        self.process.wait(60)
        for pid in self._left():
            _signal(pid, signal.SIGKILL)

    def kill_sessions(self) -> None:
        """Kill what serves the open connections; their commands live on, as they would."""
        for pid in self._serving(self.process.pid):
            _signal(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop what serves the open connections; the kernel goes on acknowledging for it."""
        serving = self._serving(self.process.pid)
        for pid in serving:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in serving:
                _signal(pid, signal.SIGCONT)

    def _serving(self, parent: int) -> list[int]:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        found = []
        for child in map(int, children):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().startswith("sshd"):
                    found += [*self._serving(child), child]
        return found

    def _left(self) -> Iterator[int]:
        """Processes that a session of this server began."""
        begins, ends = b"SSH_CONNECTION=", f" {self.port}".encode()
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                entries = environment.read_bytes().split(b"\0")
                if any(one.startswith(begins) and one.endswith(ends) for one in entries):
                    yield int(environment.parent.name)


def _signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def make_key(file: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    """A key pair in OpenSSH's format."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", file.name, "-f", str(file)]
    subprocess.run(command, check=True)
    return file


def free_port() -> int:
    """Below the ports that the kernel gives to clients: nobody takes it while a server is down."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def running_sshd(
    folder: Path, alias: str = "board", options: str = "", **changes: object
) -> Iterator[Sshd]:
    """A server that listens; skips the test where OpenSSH's server is not installed."""
    if not Path(_SERVER).exists() or shutil.which("ssh-keygen") is None:
        needs.lacking("OpenSSH's server is not installed", "apt-get install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where root's sshd separates privileges
    server = Sshd(folder, alias, free_port(), options=options, **changes)  # type: ignore[arg-type]
    server.prepare()
    server.start()
    try:
        _await_listening(server)
        yield server
    finally:
        server.stop()


def _await_listening(server: Sshd) -> None:
    for _ in range(3000):
        assert server.process.poll() is None, (server.folder / "log").read_text()
        with contextlib.suppress(OSError), socket.create_connection((server.address, server.port)):
            return
        time.sleep(0.02)
    raise AssertionError((server.folder / "log").read_text())


@pytest.fixture(scope="session")
def sshd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One server for all tests that leave it as it is."""
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def sshd_without_sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """As dropbear is on many boards, for all tests that leave it as it is."""
    with running_sshd(tmp_path_factory.mktemp("no-sftp"), sftp=None) as server:
        yield server


@pytest.fixture
def ssh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory on the client's side, and no agent."""
    home = tmp_path / "client-home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv("LATKIT_SSH_CONFIG", raising=False)
    return home


@pytest.fixture
def ssh_home_alone(ssh_home: Path) -> Path:
    """The same, if its ``.ssh`` counts: ssh goes by the password database, not by $HOME."""
    if (ssh_config.ssh_home() / ".ssh").exists():
        pytest.skip("whoever runs the tests has an ~/.ssh of their own, which would be read")
    return ssh_home


@pytest.fixture
def sshd(sshd_server: Sshd, ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    """The shared server, which the client's ssh configuration knows as ``Host board``."""
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(sshd_server.config))
    return sshd_server


@pytest.fixture
def own_sshd(tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """A server that a test may break."""
    with running_sshd(tmp_path / "own-sshd") as server:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(server.config))
        yield server


def board(**values: object) -> Transport:
    """To the ``Host board`` of the client's ssh configuration."""
    return open_transport(create({"name": "board", **values}))
