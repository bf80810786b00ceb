"""What a configuration means to ssh, it means to latkit: the board that is reached, and by what."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from latkit.cli import run
from latkit.devices.profile import create, load
from latkit.devices.transport import open_transport, ssh_options
from latkit.errors import DeviceUnreachable, HostKeyError, LatkitError, UsageError
from tests.integration.sshd import Sshd, make_key, running_sshd

SERVER = ["printenv", "LATKIT_TEST_SERVER"]


def reach(name: str = "board", **values: object) -> str:
    """The server that is reached."""
    with open_transport(create({"name": name, **values})) as transport:
        return transport.run(SERVER).stdout.strip()


def failure(**values: object) -> LatkitError:
    with pytest.raises(LatkitError) as caught:
        reach(**values)
    return caught.value


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Another machine, which must not be reached."""
    with running_sshd(tmp_path_factory.mktemp("other"), alias="other") as server:
        yield server


@pytest.fixture
def config(tmp_path: Path, ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ssh_config"
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(file))
    return file


class Agent:
    """An ssh-agent at a socket of its own."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "agent.sock"
        command = ["ssh-agent", "-D", "-a", str(self.socket)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not self.socket.exists():
            time.sleep(0.01)

    def add(self, key: Path) -> None:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.socket)}
        subprocess.run(["ssh-add", "-q", str(key)], check=True, env=environment)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    if shutil.which("ssh-agent") is None:
        pytest.skip("ssh-agent is not installed")
    started = Agent(tmp_path)
    yield started
    started.process.terminate()
    started.process.wait(60)


def lines(server: Sshd, *more: str, without: str = "") -> str:
    """The settings that reach a server, to stand under any header."""
    text = server.section("board", *more).split("\n", 1)[1]
    return "".join(f"{line}\n" for line in text.splitlines() if not without or without not in line)


class TestWhichMachine:
    def test_a_match_of_another_network_leads_to_no_other_machine(
        self, sshd_server: Sshd, other: Sshd, config: Path
    ):
        away = f"Match localnetwork 9.8.7.0/24\n{lines(other)}"
        config.write_text(f"{away}{sshd_server.section('board')}")
        with contextlib.suppress(UsageError):  # of an OpenSSH that does not know it yet
            assert reach() == sshd_server.alias

    def test_nor_does_it_without_an_ssh_program(
        self, sshd_server: Sshd, other: Sshd, config: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(ssh_options, "program", lambda: None)
        away = f"Match localnetwork 9.8.7.0/24\n{lines(other)}"
        config.write_text(f"{away}{sshd_server.section('board')}")
        with pytest.raises(UsageError, match="localnetwork"):
            reach()

    @pytest.mark.parametrize(
        ("criteria", "expected"),
        [
            ("exec true", "other"),
            ("exec false", "board"),
            ("final", "board"),
            ("canonical", "board"),
            ("!exec true", "board"),
            ('originalhost b* exec "test %n = board"', "other"),
            ("localuser nobody-here", "board"),
        ],
    )
    def test_match(
        self, sshd_server: Sshd, other: Sshd, config: Path, criteria: str, expected: str
    ):
        config.write_text(f"Match {criteria}\n{lines(other)}{sshd_server.section('board')}")
        assert reach() == expected

    @pytest.mark.parametrize("reader", ["ssh", "paramiko"])
    def test_what_a_section_includes_is_for_its_hosts_alone(
        self,
        sshd_server: Sshd,
        other: Sshd,
        config: Path,
        reader: str,
        monkeypatch: pytest.MonkeyPatch,
    ):
        if reader == "paramiko":
            monkeypatch.setattr(ssh_options, "program", lambda: None)
        config.with_name("inc").write_text(f"Host *\n{lines(other)}")
        included = f"Host work\n Include {config.with_name('inc')}\n"
        config.write_text(f"{included}{sshd_server.section('board')}")
        assert reach("board") == "board"
        assert reach("work") == "other"

    def test_comments_tokens_variables_and_times(
        self, sshd_server: Sshd, config: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("LAB", str(config.parent))
        shutil.copy(sshd_server.user_key, config.with_name("key_board"))
        shutil.copy(sshd_server.known_hosts, config.with_name("known_board"))
        config.write_text(
            f"Host board # the one on the left\n HostName 127.0.0.1 # moved\n ConnectTimeout 1m\n"
            f" Port {sshd_server.port}\n IdentityFile ${{LAB}}/key_%n\n"
            f' UserKnownHostsFile "${{LAB}}/known_%k"\n'
        )
        assert reach() == "board"

    def test_address_family_and_bound_address(self, sshd_server: Sshd, config: Path):
        section = sshd_server.section("board", "AddressFamily inet", "BindAddress 127.0.0.1")
        named = section.replace("HostName 127.0.0.1", "HostName localhost")
        config.write_text(f"{named}    HostKeyAlias {sshd_server.lookup_name}\n")
        assert reach() == "board"

    def test_a_host_of_the_configuration_is_a_device(
        self, sshd_server: Sshd, config: Path, capsys: pytest.CaptureFixture[str]
    ):
        config.with_name("inc").write_text(sshd_server.section("kitchen"))
        config.write_text(f"Include {config.with_name('inc')}\n")
        with open_transport(load("kitchen")) as transport:
            assert transport.run(SERVER).stdout == "board\n"
        assert run(["device", "list"]) == 0
        assert re.search(r"^kitchen .* ssh configuration", capsys.readouterr().out, re.MULTILINE)
        run(["--debug", "device", "check", "kitchen"])
        told = capsys.readouterr()
        assert "latkit device add kitchen" in told.out
        assert "ssh -G -T -F" in told.err


class TestWhichKey:
    def test_a_public_half_whose_key_is_in_the_agent(
        self, sshd_server: Sshd, config: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.socket))
        public = Path(f"{sshd_server.user_key}.pub")
        shutil.copy(public, config.with_name("k.pub"))
        for number in range(8):  # more than the server lets one try
            agent.add(make_key(config.parent / f"unrelated{number}"))
        agent.add(sshd_server.user_key)
        config.write_text(sshd_server.section("board", key=config.with_name("k.pub")))
        assert reach() == "board"

    def test_a_public_half_that_no_agent_has(self, sshd_server: Sshd, config: Path):
        config.write_text(sshd_server.section("board", key=Path(f"{sshd_server.user_key}.pub")))
        assert "user_key.pub is a public key, and no agent has the private one" in failure().message

    def test_an_agent_that_must_not_be_asked(
        self, sshd_server: Sshd, config: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.socket))
        agent.add(sshd_server.user_key)
        wrong = make_key(config.with_name("wrong"))
        text = sshd_server.section("board", key=wrong).replace("IdentitiesOnly yes", "")
        config.write_text(text)
        assert reach() == "board"
        config.write_text(f"{text}    IdentityAgent none\n")
        assert isinstance(failure(), DeviceUnreachable)

    @pytest.mark.parametrize("named", ["{socket}", "$LAB_AGENT", "${{LAB_AGENT}}"])
    def test_another_agent_than_the_usual_one(
        self,
        sshd_server: Sshd,
        config: Path,
        agent: Agent,
        named: str,
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setenv("LAB_AGENT", str(agent.socket))
        agent.add(sshd_server.user_key)
        said = named.format(socket=agent.socket)
        public = Path(f"{sshd_server.user_key}.pub")
        config.write_text(sshd_server.section("board", f"IdentityAgent {said}", key=public))
        assert reach() == "board"

    def test_a_type_of_key_that_must_not_be_offered(self, sshd_server: Sshd, config: Path):
        config.write_text(sshd_server.section("board", "PubkeyAcceptedAlgorithms -ssh-ed25519"))
        assert "no key to offer" in failure().message

    @pytest.mark.parametrize(
        "algorithms",
        [
            "KexAlgorithms diffie-hellman-group14-sha256",
            "Ciphers aes256-ctr",
            "MACs hmac-sha2-512",
            "HostKeyAlgorithms ssh-ed25519",
        ],
    )
    def test_algorithms_are_those_that_the_configuration_allows(
        self, sshd_server: Sshd, config: Path, algorithms: str
    ):
        config.write_text(sshd_server.section("board", algorithms))
        assert reach() == "board"


class TestAcceptingAHostKey:
    """The printed commands do what they are printed for."""

    @pytest.fixture(params=["ssh", "openssh"], autouse=True)
    def transport(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def follow(self, command: str) -> None:
        # The answer `yes`, given beforehand.
        accepting = command.replace("StrictHostKeyChecking=ask", "StrictHostKeyChecking=accept-new")
        subprocess.run(accepting, shell=True, check=True, capture_output=True, timeout=60)

    @pytest.mark.parametrize(
        "files",
        [
            "{folder}/known_%k",
            '"{folder}/known hosts"',
            "{folder}/new/folder/known /no/such/second",
            "{folder}/50%%",
        ],
    )
    def test_unknown(
        self, sshd_server: Sshd, config: Path, ssh_home: Path, transport: str, files: str
    ):
        section = sshd_server.section("board")
        named = files.format(folder=config.parent)
        config.write_text(section.replace(str(sshd_server.known_hosts), named))
        problem = failure(transport=transport)
        assert isinstance(problem, HostKeyError)
        self.follow((problem.hint or "").split("accept it")[1].partition(": ")[2])
        assert reach(transport=transport) == "board"

    @pytest.mark.parametrize("files", ["/dev/null", "none"])
    def test_unknown_and_thrown_away(
        self, sshd_server: Sshd, config: Path, ssh_home_alone: Path, transport: str, files: str
    ):
        self.test_unknown(sshd_server, config, ssh_home_alone, transport, files)

    @pytest.mark.parametrize(
        "setting",
        [
            "StrictHostKeyChecking yes",
            "StrictHostKeyChecking no",
            "BatchMode yes",
            "RemoteCommand cat",
            "NoHostAuthenticationForLocalhost yes",
            "HostKeyAlias kitchen",
            "HashKnownHosts yes",
        ],
    )
    def test_unknown_whatever_else_is_configured(
        self, sshd_server: Sshd, config: Path, transport: str, setting: str
    ):
        section = sshd_server.section("board", setting)
        known = config.with_name("known")
        config.write_text(section.replace(str(sshd_server.known_hosts), str(known)))
        self.follow(
            (failure(transport=transport).hint or "").split("accept it")[1].partition(": ")[2]
        )
        assert reach(transport=transport) == "board"

    @pytest.mark.parametrize("names", ["{name}", "[127.0.0.*]:*", "other.lan,{name}"])
    def test_changed(self, sshd_server: Sshd, config: Path, transport: str, names: str):
        other = make_key(config.with_name("other_key")).with_suffix(".pub").read_text()
        known = config.with_name("known_board")
        known.write_text(f"{names.format(name=sshd_server.lookup_name)} {other}")
        section = sshd_server.section("board")
        configured = str(config.with_name("known_%k"))
        config.write_text(section.replace(str(sshd_server.known_hosts), configured))
        problem = failure(transport=transport)
        assert "CHANGED" in problem.message
        forget, accept = (problem.hint or "").split("If it was: ")[1].split(", then ")
        self.follow(forget)
        self.follow(accept)
        assert reach(transport=transport) == "board"
