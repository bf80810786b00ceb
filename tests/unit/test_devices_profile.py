from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.cli import run
from latkit.devices import profile, profile_file
from latkit.devices.profile import Profile, add, available, create, load
from latkit.devices.usual import usual
from latkit.errors import UnknownNameError, UsageError
from latkit.lab import Lab

BUILT_IN = {"local", "rpi4", "rpi5", "jetson-nano", "jetson-orin", "x86-server", "cuda-gpu"}


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own profiles."""
    monkeypatch.setenv("LATKIT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("LATKIT_SSH_CONFIG", str(tmp_path / "ssh_config"))
    return tmp_path / "config" / "devices"


def write(own: Path, name: str, text: str | bytes) -> Path:
    own.mkdir(parents=True, exist_ok=True)
    file = own / f"{name}.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_built_in_profiles_are_whole():
    found = {profile.name: (profile, origin) for profile, origin in available()}
    assert set(found) >= BUILT_IN
    assert all(profile.description for profile, _ in found.values())
    assert {origin for _, origin in found.values()} == {"built-in"}


@pytest.mark.parametrize(
    "file", sorted(profile_file.builtin_dir().glob("*.toml")), ids=lambda f: f.stem
)
def test_built_in_profiles_explain_themselves(file: Path):
    text = file.read_text()
    assert text.startswith("# ")
    assert load(file.stem).transport == "local" or f"`ssh {file.stem}`" in text


def test_the_local_profile_measures_with_the_python_that_runs_latkit():
    assert load("local").python == sys.executable
    assert load("local").login_command == []


def test_host_is_left_to_the_name(own: Path, monkeypatch: pytest.MonkeyPatch):
    assert load("rpi4").host is None
    monkeypatch.delenv("LATKIT_SSH_CONFIG")
    assert load("rpi4").login_command == ["ssh", "rpi4"]
    everything = {"host": "10.0.0.7", "user": "pi", "port": 2222, "identity_file": "~/key"}
    command = create({"name": "board", **everything}).login_command
    assert command == ["ssh", "-p", "2222", "-i", "~/key", "pi@10.0.0.7"]


def test_added_profiles_come_back_and_win(own: Path):
    mine = create({**load("rpi4").model_dump(), "host": "10.0.0.7", "affinity": (0, 1)})
    assert add(mine) == own / "rpi4.toml"
    assert load("rpi4") == mine
    assert ("rpi4", "yours") in [(profile.name, origin) for profile, origin in available()]
    assert [profile.name for profile, _ in available()].count("rpi4") == 1


def test_adding_twice_is_refused(own: Path):
    add(create({"name": "board"}))
    with pytest.raises(UsageError, match="already") as caught:
        add(create({"name": "board", "host": "other"}))
    assert str(own / "board.toml") in caught.value.message
    assert load("board").host is None


def test_a_folder_that_cannot_be_written(own: Path):
    own.parent.mkdir()
    own.touch()
    with pytest.raises(UsageError, match="cannot write"):
        add(create({"name": "board"}))


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a b", "a.b", "-x", "x\n", "é", "x" * 65, ".", "a\0"]
)
def test_names_never_leave_the_folder(name: str):
    with pytest.raises(UsageError):
        create({"name": name})
    with pytest.raises(UnknownNameError):
        load(name)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown device 'rpi44'") as caught:
        load("rpi44")
    assert "did you mean 'rpi4'?" in (caught.value.hint or "")
    assert caught.value.exit_code == 2


class TestHostsOfTheSshConfiguration:
    @pytest.fixture(autouse=True)
    def _configuration(self, tmp_path: Path):
        (tmp_path / "ssh_config").write_text("Host kitchen lab-* !no a.b rpi4\n  User pi\nHost *\n")

    @pytest.mark.parametrize("name", ["kitchen", "lab-1"])
    def test_they_are_devices_with_the_usual_profile(self, name: str):
        assert load(name) == create({"name": name})
        assert profile.origin_of(name) == "ssh configuration"
        assert usual(name) == load(name).usual()

    def test_they_are_listed_behind_those_with_a_profile(self, own: Path):
        found = {profile.name: origin for profile, origin in available()}
        assert found["kitchen"] == "ssh configuration"
        assert found["rpi4"] == "built-in"
        assert not {"lab-*", "a.b", "no"} & set(found)
        write(own, "kitchen", "threads = 4")
        assert ("kitchen", "yours") in [(profile.name, origin) for profile, origin in available()]
        assert usual("kitchen")["threads"] == 4

    def test_a_name_that_no_device_can_have(self):
        with pytest.raises(UnknownNameError) as caught:
            load("a.b")
        assert "latkit device add a-b --host a.b" in (caught.value.hint or "")

    def test_a_typing_error_is_no_host(self):
        with pytest.raises(UnknownNameError) as caught:
            load("kitschen")
        assert "did you mean 'kitchen'?" in (caught.value.hint or "")

    def test_a_configuration_that_cannot_be_read_names_nobody(self, tmp_path: Path):
        (tmp_path / "ssh_config").write_text(f"Include {tmp_path}/ssh_config\n")
        assert {origin for _, origin in available()} == {"built-in"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threads = 1\nthreads =\n", ", line 2: Invalid value"),
        ("threads = 1\nhost", ", line 2: Expected"),
        ("\n\nthreads = 0\n", ", line 3: threads: input should be greater than or equal to 1"),
        ('threads = "4"', ', line 1: threads: input should be a valid integer, found "4"'),
        ("threads = true", ", line 1: threads: input should be a valid integer, found true"),
        ("port = 70000", ", line 1: port: input should be less than or equal to 65535"),
        ("# x\nhots = 'a'", ", line 2: hots: no such field, did you mean 'host'?"),
        ("[ssh]\nhost = 'a'", ", line 1: ssh: no such field"),
        ("host = '-oProxyCommand=x'", ", line 1: host: must be one word, not starting with a dash"),
        ("host = 'two words'", ", line 1: host: must be one word"),
        ("user = ''", ", line 1: user: must be one word"),
        ("remote_dir = 'here'", ', line 1: remote_dir: must start with / or ~/, found "here"'),
        ("affinity = []", ", line 1: affinity: must be a list of processor numbers, found []"),
        ("affinity = [0, -1]", ", line 1: affinity: must be a list of processor numbers"),
        ("precision = 'fp8'", ", line 1: precision: input should be 'fp32', 'fp16' or 'int8'"),
        ("connect_timeout_s = nan", ", line 1: connect_timeout_s: input should be a finite"),
        ("transport = 'local'\nport = 22", ": 'port' has no meaning for transport = 'local'"),
        ("name = 'other'", ', line 1: name: is "other", but the file\'s name decides'),
        ("threads = 0\nbatch = 0", "; line 2: batch: input should be greater"),
        (b"host = '\xff'", ", line 1: not UTF-8 text"),
        ("x = " + "[" * 5000, ": nested too deeply"),
        ("threads = " + "9" * 5000, ": has a number of too many digits"),
        ("threads = 0x" + "f" * 5000, ", line 1: threads: input should be"),
        ("name = 0x" + "f" * 5000, ", line 1: name: is a number of thousands of digits"),
        ("batch = 1e999", ", line 1: batch: input should be a valid integer"),
        ("threads = 1979-05-27", ", line 1: threads: input should be a valid integer"),
        ("runtime = 1979-05-27", ", line 1: runtime: must be one word"),
        ("affinity = [1979-05-27]", ", line 1: affinity: must be a list of processor numbers"),
        ("affinity = 0x" + "f" * 5000, ", line 1: affinity: must be a list"),
        ("affinity = [9223372036854775808]", ", line 1: affinity: must be a list"),
        ("a." * 150 + "b = 1", ": no such field"),
        ("a." * 30_000 + "b = 1", ", line 1: nested too deeply"),
        ("[" + "a." * 30_000 + "b]", ", line 1: nested too deeply"),
    ],
)
def test_a_malformed_profile_names_file_line_and_field(own: Path, text: str | bytes, said: str):
    file = write(own, "board", text)
    with pytest.raises(UsageError) as caught:
        load("board")
    assert caught.value.message.startswith(f"{file}")
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_a_profile_of_more_than_a_profile_holds(own: Path):
    write(own, "board", "# " + "x" * 70_000)
    with pytest.raises(UsageError, match=r"cannot read .*: it is larger than 64 KiB"):
        load("board")


def test_an_unreadable_profile(own: Path):
    (own / "board.toml").mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot read"):
        load("board")


@pytest.mark.parametrize(
    "text",
    [
        "threads = 0x" + "f" * 5000,
        "threads = " + "9" * 5000,
        "affinity = [9223372036854775808]",
        "batch = [1]",
        "runtime = {}",
        "a." * 30_000 + "b = 1",
        b"\xff",
        "device_state = 1979-05-27",
    ],
)
def test_what_is_asked_of_a_malformed_profile_is_one_message(own: Path, text: str | bytes):
    write(own, "board", text)
    with pytest.raises(UsageError):
        usual("board")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("place", ["/dev/zero", "pipe", "/proc/self/mem"])
def test_what_is_no_file_is_not_read(own: Path, place: str):
    own.mkdir(parents=True)
    if place == "pipe":
        os.mkfifo(own / "board.toml")
    else:
        (own / "board.toml").symlink_to(place)
    with pytest.raises(UsageError, match="cannot read"):
        load("board")


BROKEN = {
    "no toml": "threads =",
    "a wrong type": "threads = '4'",
    "no text": b"\xff\xfe",
    "too many digits": "threads = " + "9" * 5000,
    "another name": "name = 'other'",
    "an evil field": '"\\u001b[2J\\n" = 1',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_profile_spoils_only_itself(own: Path, capsys, text: str | bytes):
    write(own, "good", "threads = 2")
    file = write(own, "bad", text)
    write(own, "rpi4", text)
    assert run(["device", "list", "--json"]) == 0
    shown = capsys.readouterr()
    names = {row["name"] for row in json.loads(shown.out)}
    assert {"good", "rpi5"} <= names
    assert not {"bad", "rpi4"} & names
    told = shown.err.splitlines()
    assert len(told) == 2
    assert told[0].startswith(f"left out: {file}") or told[0].startswith(f"left out: cannot {file}")
    assert {profile.name for profile in Lab().devices} == names
    assert run(["device", "show", "good"]) == 0


def test_a_file_whose_name_is_no_devices_is_named(own: Path, capsys):
    write(own, "my board", "threads = 2")
    write(own, "\x1b[2J", "threads = 2")
    write(own, ".#rpi4", "a lock of an editor's")
    assert run(["device", "list"]) == 0
    told = capsys.readouterr().err
    assert "my board.toml: a device's name is" in told
    assert "\\x1b[2J.toml" in told
    assert "#rpi4" not in told


def test_a_missing_name_is_said():
    with pytest.raises(UsageError, match="name: is missing"):
        create({})


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
WORD = st.from_regex(r"[A-Za-z0-9_.:@]{1,20}", fullmatch=True)


@given(
    description=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    state=TEXT,
    host=st.none() | WORD,
    port=st.none() | st.integers(1, 65535),
    affinity=st.none() | st.lists(st.integers(0, 300), min_size=1, max_size=4).map(tuple),
    timeout=st.none() | st.floats(0.001, 1e9),
)
def test_what_is_written_is_read_back(description, state, host, port, affinity, timeout):
    given_values = {
        "name": "board",
        "description": description,
        "device_state": state,
        "host": host,
        "port": port,
        "affinity": affinity,
        "connect_timeout_s": timeout,
    }
    profile = create(given_values)
    text = profile_file.dumps(profile.model_dump(exclude_defaults=True))
    assert Profile.model_validate(profile_file.tomllib.loads(text)) == profile


@given(st.binary(max_size=200))
def test_no_file_content_is_more_than_a_usage_error(tmp_path_factory, content: bytes):
    folder = tmp_path_factory.getbasetemp()
    file = folder / "fuzz.toml"
    file.write_bytes(content)
    with contextlib.suppress(UsageError):
        profile._read(file)


def test_importing_profiles_imports_no_paramiko():
    script = "import sys, latkit.devices.profile; print('paramiko' in sys.modules)"
    output = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert output == "False\n"
