from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from latkit.devices import ssh_config, ssh_hosts
from latkit.devices.profile import create
from latkit.devices.transport import openssh_failure, ssh_options
from latkit.devices.transport.ssh_options import Login, options
from latkit.devices.transport.ssh_target import Target, resolve
from latkit.errors import UsageError
from tests import needs

READERS = ["ssh", "paramiko"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's configuration stands; nothing of the system's is read."""
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("BOARDS", "boards")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "config").touch()
    return tmp_path


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who reads the configuration."""
    if request.param == "paramiko":
        monkeypatch.setattr(ssh_options, "program", lambda: None)
    elif shutil.which("ssh") is None:
        needs.lacking("OpenSSH's client is not installed", "apt-get install openssh-client")
    return str(request.param)


def configure(home: Path, text: str, file: str = "config") -> None:
    (home / file).write_text(text)


def target(name: str = "board", **values: object) -> Target:
    return resolve(create({"name": name, **values}))


@pytest.mark.usefixtures("reader")
class TestBothReaders:
    def test_nothing_configured(self, home: Path):
        found = target(user="pi")
        assert found.label == "pi@board:22"
        assert found.hops() == [found]
        own = ssh_config.home() / ".ssh"
        assert {own / "id_ed25519", own / "id_rsa"} <= set(found.identity_files)
        assert found.known_hosts[0] == own / "known_hosts"
        assert Path("/etc/ssh/ssh_known_hosts") in found.known_hosts
        assert found.connect_timeout_s == 10.0
        assert not found.identities_only

    def test_everything_configured(self, home: Path):
        configure(
            home,
            f"Host board\n HostName 10.0.0.7 # moved\n User=pi\n Port 2222\n"
            f" IdentityFile ~/one\n IdentityFile {home}/two_%h_%r\n IdentitiesOnly yes\n"
            ' UserKnownHostsFile /mine_%k "/an other/${BOARDS}"\n GlobalKnownHostsFile none\n'
            " HostKeyAlias kitchen\n ConnectTimeout 1m\n",
        )
        found = target()
        assert found.label == "pi@10.0.0.7:2222"
        one = ssh_config.home() / "one"
        assert found.identity_files == (one, home / "two_10.0.0.7_pi")
        assert found.identities_only
        assert found.known_hosts == (Path("/mine_kitchen"), Path("/an other/boards"))
        assert found.host_key_alias == "kitchen"
        assert found.connect_timeout_s == 60.0
        assert found.login_command == ("ssh", "-F", str(home / "config"), "board")

    def test_the_profile_wins(self, home: Path):
        configure(home, "Host *\n User pi\n Port 2222\n ConnectTimeout 3\n IdentityFile ~/one\n")
        key = home / "key"
        key.touch()
        own = {"user": "ann", "port": 22, "identity_file": str(key), "connect_timeout_s": 0.5}
        found = target(host="::1", **own)
        assert found.label == "ann@[::1]:22"
        assert found.identity_files[0] == key
        assert found.connect_timeout_s == 0.5

    def test_a_user_before_the_host(self, home: Path):
        configure(home, "IdentityFile /key_%n_%r\n")
        found = target(host="pi@10.0.0.7")
        assert found.label == "pi@10.0.0.7:22"
        assert found.identity_files == (Path("/key_10.0.0.7_pi"),)

    def test_what_the_profile_says_is_matched_against(self, home: Path):
        configure(home, "Host board\n User ann\nMatch user ann\n Port 5\nMatch user pi\n Port 6\n")
        assert target().port == 5

    def test_an_included_file_does_not_swallow_what_follows(self, home: Path):
        text = f'Include "{home}/inc"\nUser everywhere\nHost board\n Include {home}/inc2\n Port 5\n'
        configure(home, text)
        configure(home, "Host other\n User o\n", "inc")
        configure(home, "ConnectTimeout 7\nHost third\n Port 9\n", "inc2")
        assert target().label == "everywhere@board:5"
        assert target().connect_timeout_s == 7.0
        assert target("other").user == "o"
        assert target("third").port == 22

    @pytest.mark.parametrize("section", ["Host work", "Match originalhost work"])
    def test_what_a_section_includes_is_of_that_section_alone(self, home: Path, section: str):
        configure(home, f"{section}\n Include {home}/inc\n")
        configure(home, "User worker\nHost b*\n Port 5\nHost w*\n Port 6\n", "inc")
        assert target("board").port == 22
        assert target("board").user != "worker"
        assert target("work").label == "worker@work:6"

    def test_match_final_comes_last(self, home: Path):
        configure(home, "Match final host 10.0.0.7\n Port 9\nHost board\n HostName 10.0.0.7\n")
        assert target().port == 9

    @pytest.mark.parametrize(
        ("said", "seconds"), [("3", 3), ("1m", 60), ("1m30s", 90), ("2h", 7200), ("none", 10)]
    )
    def test_times(self, home: Path, said: str, seconds: int):
        configure(home, f"ConnectTimeout {said}\n")
        assert target().connect_timeout_s == seconds

    @pytest.mark.parametrize("values", ["", "CertificateFile none\n", "ProxyCommand none\n"])
    def test_none_is_nothing(self, home: Path, values: str):
        configure(home, f"{values}IdentityFile none\nProxyJump none\nUserKnownHostsFile none\n")
        found = target()
        assert found.identity_files == found.certificate_files == ()
        assert found.hops() == [found]
        assert found.known_hosts[0] == ssh_config.home() / ".ssh" / "known_hosts"

    def test_a_configuration_that_throws_keys_away_means_the_usual_file(self, home: Path):
        configure(home, "UserKnownHostsFile /dev/null\n")
        assert target().known_hosts[0] == ssh_config.home() / ".ssh" / "known_hosts"

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("", "/usual"),
            ("SSH_AUTH_SOCK", "/usual"),
            ("none", None),
            ("$OTHER_SOCK", "/other"),
            ("$NO_SUCH_SOCK", None),
            ("/run/%r.sock", "/run/pi.sock"),
            ("${OTHER_SOCK}.d", "/other.d"),
        ],
    )
    def test_the_agent(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: str | None
    ):
        monkeypatch.setenv("SSH_AUTH_SOCK", "/usual")
        monkeypatch.setenv("OTHER_SOCK", "/other")
        configure(home, "User pi\n" + (f"IdentityAgent {said}\n" if said else ""))
        assert target().agent == (Path(expected) if expected else None)

    @pytest.mark.parametrize(
        ("spec", "labels"),
        [
            ("gate", ["g@10.0.0.1:2200"]),
            ("ann@gate", ["ann@10.0.0.1:2200"]),
            ("ann@gate:22", ["ann@10.0.0.1:22"]),
            ("ssh://ann@gate:23", ["ann@10.0.0.1:23"]),
            ("x@[fe80::1]:24", ["x@[fe80::1]:24"]),
            ("x@one,gate", ["x@one:22", "g@10.0.0.1:2200"]),
            ("x@one,y@two:1,gate", ["x@one:22", "y@two:1", "g@10.0.0.1:2200"]),
            ("behind", ["g@10.0.0.1:2200", "b@behind:22"]),
            ("none", []),
        ],
    )
    def test_jump_hosts(self, home: Path, spec: str, labels: list[str]):
        gate = "Host gate\n HostName 10.0.0.1\n Port 2200\n User g\n"
        behind = "Host behind\n User b\n ProxyJump gate\n"
        configure(home, f"{gate}{behind}Host board\n User pi\n ProxyJump {spec}\n")
        assert [hop.label for hop in target().hops()] == [*labels, "pi@board:22"]

    def test_the_hint_for_a_jump_host_leads_there_too(self, home: Path):
        configure(home, "Host board\n ProxyJump x@one:22,y@two:1\n")
        hops = [hop.login_command[3:] for hop in target().hops()]
        assert hops[0] == ("-p", "22", "x@one")
        assert hops[1] == ("-J", "x@one:22", "-p", "1", "y@two")
        assert hops[2] == ("board",)

    @pytest.mark.parametrize(
        "text",
        [
            "Host board\n Port many\n",
            "Host board\n ProxyJump @\n",
            "Host board\n ProxyJump a\nHost a\n ProxyJump board\n",
            "Host board\n IdentityFile ${NO_SUCH_VARIABLE}/x\n",
            "Host board\n IdentityFile ~no-such-user/x\n",
        ],
    )
    def test_what_cannot_be_followed_is_said(self, home: Path, text: str):
        configure(home, text)
        with pytest.raises(UsageError):
            target()

    def test_a_file_that_is_not_there(self, home: Path):
        (home / "config").unlink()
        with pytest.raises(UsageError, match=str(home / "config")):
            target()


class TestBySsh:
    @pytest.fixture(autouse=True)
    def _ssh(self):
        if shutil.which("ssh") is None:
            needs.lacking("OpenSSH's client is not installed", "apt-get install openssh-client")

    def test_its_own_words_name_file_and_line(self, home: Path):
        configure(home, "Host board\n Port many\n")
        with pytest.raises(UsageError, match=r"config line 2: Bad port 'many'") as caught:
            target()
        assert caught.value.exit_code == 2

    @pytest.mark.parametrize("criterion", ["localnetwork 9.8.7.0/24", "exec false", "canonical"])
    def test_a_match_that_does_not_apply_leads_nowhere_else(self, home: Path, criterion: str):
        configure(home, f"Match {criterion}\n HostName 10.6.6.6\nHost board\n HostName 10.0.0.7\n")
        try:
            found = target()
        except UsageError:  # of an OpenSSH that does not know it yet
            assert criterion.startswith("localnetwork")
        else:
            assert found.hostname == "10.0.0.7"

    def test_a_match_that_hangs_ends(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(ssh_options, "_LIMIT_S", 0.5)
        configure(home, 'Match exec "sleep 1000"\n Port 3\n')
        with pytest.raises(UsageError, match="did not say within"):
            target()

    def test_who_reads_is_told(self, home: Path, caplog: pytest.LogCaptureFixture):
        with caplog.at_level("INFO"):
            target()
        assert f"ssh -G -T -F {home}/config -- board" in caplog.text


class TestByParamiko:
    @pytest.fixture(autouse=True)
    def _no_ssh(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PATH", str(home))

    def test_it_is_told(self, home: Path, caplog: pytest.LogCaptureFixture):
        with caplog.at_level("INFO"):
            target()
        assert "no ssh program here, so paramiko reads" in caplog.text

    @pytest.mark.parametrize(
        "criterion", ["localnetwork 9.8.7.0/24", "!tagged x", "user x tagged y"]
    )
    def test_what_it_would_take_for_fulfilled_is_refused(self, home: Path, criterion: str):
        configure(home, f"Match {criterion}\n HostName 10.6.6.6\n")
        with pytest.raises(UsageError, match="only ssh understands") as caught:
            target()
        assert "OpenSSH's client" in (caught.value.hint or "")

    def test_the_user_s_file_comes_before_the_system_s(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.delenv("LATKIT_SSH_CONFIG")
        monkeypatch.setattr(ssh_config, "home", lambda: home)
        monkeypatch.setattr(ssh_config, "SYSTEM_CONFIG", home / "system")
        (home / ".ssh").mkdir()
        configure(home, "Host board\n Port 1\n", ".ssh/config")
        configure(home, "Port 2\nHost board\n User root\n", "system")
        assert target().label == "root@board:1"

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(st.text(max_size=120))
    def test_no_configuration_is_more_than_a_usage_error(self, home: Path, text: str):
        (home / "config").write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            found = target()
        except UsageError:
            return
        assert found.hops()


class TestNames:
    def test_those_without_a_pattern(self, home: Path):
        configure(
            home,
            f'Include {home}/inc\nHost a "b" c* !d # no\n# Host e\nMatch host f\nhost=g\n'
            "Match originalhost h,i* user x\nMatch final\nMatch exec true host j\n",
        )
        configure(home, "Host k\nHost l.m\n", "inc")
        assert ssh_config.host_names() == set("abfghjk") | {"l.m"}
        assert ssh_hosts.devices() == set("abfghjk")

    def test_a_section_within_a_section_names_what_both_match(self, home: Path):
        configure(home, f"Host w* !wx\n Include {home}/inc\n")
        configure(home, "Host work\nHost wx\nHost board\n", "inc")
        assert ssh_config.host_names() == {"work"}

    @pytest.mark.parametrize(
        ("name", "known"), [("lab-1", True), ("kitchen", True), ("lob", False), ("no", False)]
    )
    def test_a_pattern_means_its_hosts_but_a_star_means_none(
        self, home: Path, name: str, known: bool
    ):
        configure(home, "Host kitchen lab-* !no\n User pi\nHost * ?\n User x\n")
        assert ssh_hosts.is_device(name) == known

    def test_files_that_include_themselves(self, home: Path):
        configure(home, f"Include {home}/config\nHost a\n")
        with pytest.raises(UsageError, match="include one another"):
            ssh_config.host_names()
        assert ssh_hosts.devices() == set()

    def test_what_is_no_file_is_passed_over(self, home: Path):
        (home / "d").mkdir()
        os.mkfifo(home / "d" / "pipe")
        configure(home, f"Host a\nInclude {home}/d {home}/d/* /dev/zero\nHost b\n")
        assert ssh_config.host_names() == {"a"} | {"b"}

    @given(st.binary(max_size=200))
    def test_no_text_is_too_strange(self, content: bytes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ssh_config, "_text", lambda _: content.decode("utf-8", "surrogateescape"))
            patch.setenv("LATKIT_SSH_CONFIG", "/dev/null")
            ssh_hosts.devices()
            ssh_hosts.is_device("board")


WORDS = st.sampled_from(["board", "gate", "b*", "!board", "*", "?ate", "other"])
PATTERNS = st.lists(WORDS, min_size=1, max_size=3)
SECTIONS = st.one_of(
    PATTERNS.map(lambda words: f"Host {' '.join(words)}"),
    PATTERNS.map(lambda words: f'Host "{words[0]}" # {words[-1]}'),
    PATTERNS.map(lambda words: f"Match originalhost {','.join(words)}"),
    PATTERNS.map(lambda words: f"Match host {','.join(words)} user pi"),
    PATTERNS.map(lambda words: f"Match !originalhost {','.join(words)}"),
    st.sampled_from(["Match all", "Match final all", "Match user ann"]),
)
SETTINGS = st.sampled_from(
    [
        "HostName 10.0.0.7 # moved",
        "HostName %h.lan",
        "hostname=gate",
        "User pi",
        'User "ann"',
        "Port 2222",
        "Port = 23",
        "IdentityFile ~/.ssh/one",
        'IdentityFile "/a b/%r"',
        "IdentitiesOnly yes",
        "ConnectTimeout 1m",
        "HostKeyAlias kitchen",
        "UserKnownHostsFile /x/%k ~/y",
        "# nothing",
        "",
    ]
)
CONFIGURATIONS = st.lists(st.one_of(SECTIONS, SETTINGS), max_size=14).map("\n".join)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.tuples(CONFIGURATIONS, CONFIGURATIONS), st.sampled_from(["board", "gate", "x"]))
@example(("IdentityFile ~/.ssh/one", ""), "board")
def test_both_readers_understand_the_same(home: Path, texts: tuple[str, str], alias: str):
    if shutil.which("ssh") is None:
        needs.lacking("OpenSSH's client is not installed", "apt-get install openssh-client")
    configure(home, f"{texts[0]}\nInclude {home}/more\n{texts[0]}\n")
    configure(home, texts[1], "more")
    by_ssh = _outcome(alias)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssh_options, "program", lambda: None)
        assert _outcome(alias) == by_ssh


def _outcome(alias: str) -> object:
    # What the system's administrator, or the makers of OpenSSH, put behind the user's own words.
    try:
        found = target(alias)
    except UsageError:
        return "refused"
    keys = [file for file in found.identity_files if "id_" not in file.name]
    return (
        found.label,
        keys,
        found.known_hosts,
        found.connect_timeout_s,
        found.via and (found.via.label),
    )


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CONFIGURATIONS)
def test_a_target_is_what_ssh_says(home: Path, text: str):
    if shutil.which("ssh") is None:
        needs.lacking("OpenSSH's client is not installed", "apt-get install openssh-client")
    configure(home, text)
    command = ["ssh", "-F", str(home / "config"), "-G", "board"]
    said = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    found = target()
    assert f"hostname {found.hostname}" in said
    assert f"port {found.port}" in said
    assert f"user {found.user}" in said
    assert options(Login("board")).all("identityfile") == [
        line.split(" ", 1)[1] for line in said if line.startswith("identityfile ")
    ]


@pytest.mark.parametrize("text", ["%h%r", "~/%d", "/%n/%p", "%%h", "/%L.%u", "/%k", "/%i%%%%"])
def test_tokens_are_those_of_ssh(home: Path, text: str):
    if shutil.which("ssh") is None:
        needs.lacking("OpenSSH's client is not installed", "apt-get install openssh-client")
    configure(home, f"HostName 10.0.0.7\nUser pi\nIdentityFile {text}\nControlPath {text}\n")
    command = shlex.join(["ssh", "-F", str(home / "config"), "-G", "board"])
    said = subprocess.run(["sh", "-c", f"{command} | grep controlpath"], capture_output=True)
    path = said.stdout.decode().strip().removeprefix("controlpath ")
    assert target().identity_files == (Path(path),)


@pytest.mark.parametrize("named", [True, False])
def test_hints_name_the_file_that_counts(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The one of ``LATKIT_SSH_CONFIG`` replaces all others, where a change would be in vain."""
    monkeypatch.delenv("LATKIT_SSH_CONFIG", raising=False)
    if named:
        monkeypatch.setenv("LATKIT_SSH_CONFIG", str(tmp_path / "of the lab"))
    file = str(tmp_path / "of the lab") if named else "~/.ssh/config"
    said = "ssh: Could not resolve hostname nowhere: Name or service not known"
    failure = openssh_failure.of(said, "nowhere", ["ssh", "nowhere"])
    assert f"give HostName in {file}, or" in (failure.hint or "")
