"""Everything that can go wrong between here and a device that ``ssh`` reaches, and what is said."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from latkit.devices.transport.openssh import OpenSshTransport
from latkit.errors import DeviceUnreachable, HostKeyError, LatkitError, RemoteCommandError
from tests.conformance.transport import left_behind, line, process_ended, running
from tests.integration.ssh_doors import by_ssh
from tests.integration.sshd import Sshd, free_port, make_key, running_sshd


def to(host: str, port: int, connect_timeout_s: float = 10.0) -> OpenSshTransport:
    return OpenSshTransport(
        ["ssh", "-F", "/dev/null", "-p", str(port), host],
        label=f"me@{host}:{port}",
        command_timeout_s=30.0,
        connect_timeout_s=connect_timeout_s,
    )


def failure(transport: OpenSshTransport) -> LatkitError:
    with pytest.raises(LatkitError) as caught, transport:
        pass
    assert not _folders()
    return caught.value


def _folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("latkit-*/s"))


@pytest.fixture(autouse=True)
def _own_temporary_folder(monkeypatch: pytest.MonkeyPatch):
    with tempfile.TemporaryDirectory(prefix="lk-", dir="/tmp") as folder:  # a short name
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield


class TestNoServer:
    def test_refused(self, ssh_home: Path):
        problem = failure(to("127.0.0.1", port := free_port()))
        assert isinstance(problem, DeviceUnreachable)
        assert f"connect to host 127.0.0.1 port {port}: Connection refused" in problem.message
        assert "sshd" in (problem.hint or "")

    def test_name_without_an_address(self, ssh_home: Path):
        problem = failure(to("no-such-host.invalid", 22))
        assert "Could not resolve hostname no-such-host.invalid" in problem.message
        assert "HostName" in (problem.hint or "")

    def test_connected_but_silent(self, ssh_home: Path):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            problem = failure(to("127.0.0.1", listener.getsockname()[1], 1.0))
        assert isinstance(problem, DeviceUnreachable)
        assert "timed out" in problem.message

    def test_silent_in_the_midst_of_logging_in(
        self, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("latkit.devices.transport.openssh_master._LOGIN_TIMEOUT_S", 1.0)
        own_sshd.config.write_text(own_sshd.section(None, "ProxyCommand sleep 1000"))
        problem = failure(by_ssh(own_sshd, connect_timeout_s=1.0))
        assert isinstance(problem, DeviceUnreachable)

    def test_no_ssh_program(self, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PATH", "/no/such/folder")
        problem = failure(by_ssh(own_sshd))
        assert problem.exit_code == 3
        assert "openssh-client" in (problem.hint or "")

    def test_a_setting_that_ssh_does_not_know(self, own_sshd: Sshd):
        own_sshd.config.write_text(own_sshd.section(None, "NoSuchSetting yes"))
        problem = failure(by_ssh(own_sshd))
        assert "nosuchsetting" in problem.message.lower()


class TestHostKey:
    def test_unknown(self, own_sshd: Sshd):
        own_sshd.known_hosts.write_text("")
        problem = failure(by_ssh(own_sshd))
        assert isinstance(problem, HostKeyError)
        assert "is not known" in problem.message
        assert own_sshd.known_hosts.read_text() == ""
        command = (problem.hint or "").split("accept it: ")[1]
        accepted = command.replace("StrictHostKeyChecking=ask", "StrictHostKeyChecking=accept-new")
        subprocess.run(accepted, shell=True, check=True, capture_output=True)
        with by_ssh(own_sshd) as transport:
            assert transport.run(["echo", "in"]).stdout == "in\n"

    @pytest.mark.parametrize("careless", ["no", "off", "accept-new"])
    def test_keys_are_verified_whatever_the_configuration_says(self, own_sshd: Sshd, careless: str):
        own_sshd.known_hosts.write_text("")
        settings = (f"StrictHostKeyChecking {careless}", "NoHostAuthenticationForLocalhost yes")
        own_sshd.config.write_text(own_sshd.section(None, *settings))
        assert isinstance(failure(by_ssh(own_sshd)), HostKeyError)
        assert own_sshd.known_hosts.read_text() == ""

    def test_those_of_jump_hosts_too(self, own_sshd: Sshd, tmp_path: Path):
        with running_sshd(tmp_path / "jump", "jump") as jump:
            through = own_sshd.section(None, "ProxyJump jump")
            config = through + jump.section(None, "StrictHostKeyChecking no")
            own_sshd.config.write_text(config)
            with by_ssh(own_sshd) as transport:
                assert transport.run(["echo", "in"]).stdout == "in\n"
            jump.known_hosts.write_text("")
            assert isinstance(failure(by_ssh(own_sshd)), HostKeyError)
            assert jump.known_hosts.read_text() == ""

    def test_changed_names_file_and_line(self, own_sshd: Sshd):
        public = make_key(own_sshd.folder / "other_key").with_suffix(".pub").read_text()
        own_sshd.known_hosts.write_text(f"# one\n\n{own_sshd.lookup_name} {public}")
        problem = failure(by_ssh(own_sshd))
        assert isinstance(problem, HostKeyError)
        assert "CHANGED: it shows ED25519 SHA256:" in problem.message
        assert f"{own_sshd.known_hosts}, line 3" in problem.message

    def test_revoked(self, own_sshd: Sshd):
        trusted = own_sshd.known_hosts.read_text()
        public = (own_sshd.folder / "host_key.pub").read_text()
        own_sshd.known_hosts.write_text(f"{trusted}@revoked * {public}")
        problem = failure(by_ssh(own_sshd))
        assert isinstance(problem, HostKeyError)
        assert "revoked" in problem.message


class TestLogin:
    def test_wrong_key(self, own_sshd: Sshd):
        make_key(own_sshd.folder / "wrong")
        own_sshd.config.write_text(own_sshd.section(key=own_sshd.folder / "wrong"))
        problem = failure(by_ssh(own_sshd))
        assert "Permission denied (publickey)" in problem.message
        assert "user name" in (problem.hint or "")

    def test_nothing_is_asked(self, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch):
        """Neither on a terminal nor by a window, not even where a key has a passphrase."""
        asked = own_sshd.folder / "asked"
        asking = own_sshd.folder / "askpass"
        asking.write_text(f"#!/bin/sh\ntouch {asked}\necho secret\n")
        asking.chmod(0o755)
        monkeypatch.setenv("SSH_ASKPASS", str(asking))
        monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
        monkeypatch.setenv("DISPLAY", ":9")
        locked = make_key(own_sshd.folder / "locked", passphrase="secret")
        own_sshd.config.write_text(own_sshd.section(key=locked))
        assert "Permission denied" in failure(by_ssh(own_sshd)).message
        assert not asked.exists()

    def test_what_the_configuration_runs_and_forwards_is_left_out(
        self, own_sshd: Sshd, tmp_path: Path
    ):
        settings = (
            "PermitLocalCommand yes",
            f"LocalCommand touch {tmp_path}/local",
            f"RemoteCommand touch {tmp_path}/remote",
            "RequestTTY force",
            f"LocalForward {free_port()} localhost:1",
            "RemoteForward 1 localhost:1",
            "ControlMaster auto",
            f"ControlPath {tmp_path}/their-own",
            "ControlPersist 1h",
            "ForwardAgent yes",
            "SendEnv *",
            "IgnoreUnknown ForkAfterAuthentication,StdinNull,SessionType",
            "ForkAfterAuthentication yes",
            "StdinNull yes",
            "SessionType subsystem",
        )
        own_sshd.config.write_text(own_sshd.section(None, *settings))
        with by_ssh(own_sshd) as transport:
            result = transport.run(["sh", "-c", "tty; echo ${SSH_AUTH_SOCK:-no agent}"])
        assert result.stdout == "not a tty\nno agent\n"
        assert not any((tmp_path / name).exists() for name in ("local", "remote", "their-own"))
        assert _ssh_processes(own_sshd) == []


class TestLostLink:
    def test_session_killed_in_the_middle_of_a_command(self, own_sshd: Sshd):
        with by_ssh(own_sshd) as transport:
            threading.Timer(0.5, own_sshd.kill_sessions).start()
            with pytest.raises(DeviceUnreachable, match=r"link to .* was lost"):
                transport.run(["sleep", "30"])
            with pytest.raises(DeviceUnreachable, match="was lost"):
                transport.run(["true"])

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_master_killed_while_waiting_for_a_line(self, own_sshd: Sshd, number: signal.Signals):
        with by_ssh(own_sshd) as transport, running(transport, "input()") as process:
            master = int(_ssh_processes(own_sshd)[0])
            threading.Timer(0.5, os.kill, (master, number)).start()
            with pytest.raises(DeviceUnreachable, match="was lost"):
                line(process)
            with pytest.raises(DeviceUnreachable, match="was lost"):
                process.send(b"x")
            assert process.close() is None

    def test_a_server_that_hangs_is_noticed_while_a_runner_is_silent(
        self, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("latkit.devices.transport.openssh_master.SERVER_ALIVE_INTERVAL_S", 1)
        with (
            by_ssh(own_sshd) as transport,
            running(transport, "input()") as process,
            own_sshd.hanging(),
            pytest.raises(DeviceUnreachable, match="was lost"),
        ):
            process.receive(60.0, 1000)

    def test_session_killed_in_the_middle_of_an_upload(self, own_sshd: Sshd, tmp_path: Path):
        model = tmp_path / "model"
        with model.open("wb") as file:
            file.truncate(2_000_000_000)
        with by_ssh(own_sshd) as transport:
            threading.Timer(0.3, own_sshd.kill_sessions).start()
            with pytest.raises(DeviceUnreachable, match="was lost"):
                transport.upload(model, str(tmp_path / "there" / "model"))
        assert not (tmp_path / "there" / "model").exists()

    def test_a_transport_that_was_never_entered(self, own_sshd: Sshd):
        with pytest.raises(DeviceUnreachable, match="not connected"):
            by_ssh(own_sshd).run(["true"])


class TestWhatIsLeftHere:
    def test_nothing_after_the_end(self, own_sshd: Sshd):
        with by_ssh(own_sshd) as transport, running(transport, "input()"):
            assert _folders()
            assert [oct(one.parent.stat().st_mode & 0o777) for one in _folders()] == ["0o700"]
        assert not _folders()
        assert all(process_ended(int(pid)) for pid in _ssh_processes(own_sshd))

    def test_no_session_that_only_a_process_left_behind_holds(self, own_sshd: Sshd, tmp_path: Path):
        with by_ssh(own_sshd) as transport, left_behind(tmp_path) as pid:
            transport.run(["sh", "-c", f"sh -c 'echo $$ > {pid}; exec sleep 100' & sleep 0.5"])
            assert len(_ssh_processes(own_sshd)) == 1

    def test_nothing_runs_on_where_latkit_was_killed(self, own_sshd: Sshd):
        script = (
            "import sys\n"
            "from latkit.devices.transport.openssh import OpenSshTransport as Ssh\n"
            "with Ssh(sys.argv[1:], label='x', command_timeout_s=9, connect_timeout_s=9) as ssh:\n"
            "    child = ssh.spawn(['sh', '-c', 'echo $$; read line'])\n"
            "    print(int(child.receive(10, 100)), flush=True)\n"
            "    input()"
        )
        command = [sys.executable, "-c", script, "ssh", "-F", str(own_sshd.config), own_sshd.alias]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
            assert host.stdout
            runner = int(host.stdout.readline())
            ours = _ssh_processes(own_sshd)
            assert ours
            assert all(os.getsid(int(pid)) != os.getsid(host.pid) for pid in ours)
            os.kill(host.pid, signal.SIGKILL)
        assert process_ended(runner)
        assert all(process_ended(int(pid)) for pid in ours)

    def test_a_long_name_of_the_temporary_folder(
        self, own_sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        for name in ("x" * 120, "with space %h %% $HOME 'quote'"):
            (tmp_path / name).mkdir()
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
            with by_ssh(own_sshd) as transport:
                assert transport.run(["echo", "in"]).stdout == "in\n"
            assert not list((tmp_path / name).iterdir())


def _ssh_processes(server: Sshd) -> list[str]:
    """Those of this test, the one that holds the connection first."""
    with contextlib.suppress(subprocess.CalledProcessError):
        found = subprocess.check_output(["pgrep", "-x", "ssh", "-a"], text=True).splitlines()
        mine = [one for one in found if str(Path(tempfile.gettempdir())) in one]
        return [one.split()[0] for one in sorted(mine, key=lambda one: "ControlMaster=no" in one)]
    return []


def test_a_command_that_ends_as_ssh_does_when_it_fails(own_sshd: Sshd):
    with by_ssh(own_sshd) as transport:
        assert transport.run(["sh", "-c", "exit 255"]).returncode == 255
        with pytest.raises(RemoteCommandError, match="did not end"):
            transport.run(["sleep", "60"], timeout_s=0.5)
