from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.devices import ssh_config
from latkit.devices.profile import create
from latkit.devices.transport.ssh_target import Target, resolve
from latkit.errors import UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".ssh").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LATKIT_SSH_CONFIG", raising=False)
    monkeypatch.setattr(ssh_config, "SYSTEM_CONFIG", tmp_path / "system")
    return tmp_path


def configure(home: Path, text: str) -> None:
    (home / ".ssh" / "config").write_text(text)


def target(name: str = "board", **values: object) -> Target:
    return resolve(create({"name": name, **values}))


def test_nothing_configured(home: Path):
    found = target(user="pi")
    assert found.label == "pi@board:22"
    assert found.hops() == [found]
    assert found.identity_files[0] == home / ".ssh" / "id_ed25519"
    assert home / ".ssh" / "known_hosts" in found.known_hosts
    assert found.connect_timeout_s == 10.0
    assert not found.identities_only


def test_everything_configured(home: Path):
    configure(
        home,
        "Host board\n HostName 10.0.0.7\n User=pi\n Port 2222\n IdentityFile ~/one\n"
        " IdentityFile two\n IdentitiesOnly yes\n UserKnownHostsFile ~/mine /other\n"
        " HostKeyAlias kitchen\n ConnectTimeout 3\n",
    )
    found = target()
    assert found.label == "pi@10.0.0.7:2222"
    assert found.identity_files == (home / "one", Path("two"))
    assert found.identities_only
    assert found.known_hosts[:2] == (home / "mine", Path("/other"))
    assert found.host_key_alias == "kitchen"
    assert found.connect_timeout_s == 3.0
    assert found.login_command == ("ssh", "board")


def test_the_profile_wins(home: Path):
    configure(home, "Host *\n User pi\n Port 2222\n ConnectTimeout 3\n")
    (home / "key").touch()
    found = target(host="::1", user="ann", port=22, identity_file="~/key", connect_timeout_s=0.5)
    assert found.label == "ann@[::1]:22"
    assert found.identity_files == (home / "key",)
    assert found.connect_timeout_s == 0.5


def test_the_user_s_file_comes_before_the_system_s(home: Path):
    configure(home, "Host board\n Port 1\n")
    (home / "system").write_text("Port 2\nHost board\n User root\n")
    assert target().label == "root@board:1"


def test_the_override_replaces_both(home: Path, monkeypatch: pytest.MonkeyPatch):
    configure(home, "Host board\n Port 1\n")
    (home / "other").write_text("Host board\n User x\n")
    monkeypatch.setenv("LATKIT_SSH_CONFIG", "~/other")
    assert target().label == "x@board:22"
    assert target().login_command == ("ssh", "-F", str(home / "other"), "board")


def test_an_included_file_does_not_swallow_what_follows(home: Path):
    configure(home, 'Include "inc"\nUser everywhere\nHost board\n Include inc2\n Port 5\n')
    (home / ".ssh" / "inc").write_text("Host other\n User o\n")
    (home / ".ssh" / "inc2").write_text("ConnectTimeout 7\nHost third\n Port 9\n")
    assert target().label == "everywhere@board:5"
    assert target().connect_timeout_s == 7.0
    assert target("other").user == "o"


def test_files_that_include_themselves(home: Path):
    configure(home, "Include config\n")
    with pytest.raises(UsageError, match="include one another"):
        target()


def test_host_names_are_those_without_a_pattern(home: Path):
    configure(home, 'Host a "b" c* !d\n# Host e\nMatch host f\nhost=g\n')
    assert ssh_config.host_names() == {"a", "b", "g"}


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ("gate", ["g@10.0.0.1:2200"]),
        ("ann@gate", ["ann@10.0.0.1:2200"]),
        ("ann@gate:22", ["ann@10.0.0.1:22"]),
        ("ssh://ann@gate:23", ["ann@10.0.0.1:23"]),
        ("x@[fe80::1]:24", ["x@[fe80::1]:24"]),
        ("x@one,gate", ["x@one:22", "g@10.0.0.1:2200"]),
        ("x@one, y@two:1,gate", ["x@one:22", "y@two:1", "g@10.0.0.1:2200"]),
        ("none", []),
        ("board", []),
    ],
)
def test_jump_hosts(home: Path, spec: str, labels: list[str]):
    section = "Host gate\n HostName 10.0.0.1\n Port 2200\n User g\n"
    configure(home, f"{section}Host board\n User pi\n ProxyJump {spec}\n")
    assert [hop.label for hop in target().hops()] == [*labels, "pi@board:22"]


def test_the_hint_for_a_jump_host_leads_there_too(home: Path):
    configure(home, "Host board\n ProxyJump x@one,y@two:1\n")
    hops = target().hops()
    assert hops[0].login_command == ("ssh", "-p", "22", "x@one")
    assert hops[1].login_command == ("ssh", "-J", "x@one", "-p", "1", "y@two")
    assert hops[2].login_command == ("ssh", "board")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Host board\n Port many\n", "port 'many', not a number"),
        ("Host board\n ProxyJump @\n", "cannot understand the ProxyJump '@'"),
        ("Host board\n ProxyJump a\nHost a\n ProxyJump board\n", "more than 8 hosts"),
        ("Host board\n ProxyCommand nc %h %p\n", "ProxyCommand"),
        ('Host "board\n', "cannot understand your ssh configuration"),
        ("?\n", "cannot understand your ssh configuration"),
    ],
)
def test_what_cannot_be_followed_is_said(home: Path, text: str, said: str):
    configure(home, text)
    with pytest.raises(UsageError, match=re.escape(said)):
        target()


def test_a_match_that_fails_is_said(home: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise RuntimeError("the command of Match exec crashed")

    monkeypatch.setattr("paramiko.SSHConfig.lookup", fail)
    with pytest.raises(UsageError, match=r"cannot understand .* crashed") as caught:
        target()
    assert "LATKIT_SSH_CONFIG" in (caught.value.hint or "")


def test_a_proxy_command_of_none_is_nothing(home: Path):
    configure(home, "Host board\n User x\n ProxyCommand none\n")
    assert target().hops() == [target()]


def test_an_unreadable_configuration(home: Path):
    (home / ".ssh" / "config").mkdir()
    with pytest.raises(UsageError, match="cannot read the ssh configuration"):
        target()


@given(st.text(max_size=120))
def test_no_configuration_is_more_than_a_usage_error(text: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssh_config, "read", lambda: text)
        try:
            found = target()
        except UsageError:
            return
        assert found.hops()
