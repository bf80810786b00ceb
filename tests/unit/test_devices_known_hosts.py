from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.devices.profile import create
from latkit.devices.transport import known_hosts
from latkit.devices.transport.ssh_target import Target, resolve
from latkit.errors import HostKeyError

KEY = paramiko.ECDSAKey.generate()
OTHER = paramiko.ECDSAKey.generate()


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setenv("LATKIT_SSH_CONFIG", "/dev/null")
    found = resolve(create({"name": "Board", "user": "pi"}))
    return replace(found, known_hosts=(tmp_path / "absent", tmp_path / "known_hosts"))


def record(target: Target, *lines: str) -> None:
    target.known_hosts[1].write_text("\n".join(lines))


def entry(names: str, key: paramiko.PKey = KEY) -> str:
    return f"{names} {key.get_name()} {key.get_base64()} a comment"


def hashed(name: str) -> str:
    digest = hmac.new(b"salt", name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(b'salt').decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "names",
    ["board", "BOARD", "other,board", "b*", "b?ard", "*,!other", hashed("board"), "board,10.0.0.7"],
)
def test_trusted(target: Target, names: str):
    record(target, "", "# comment", entry(names))
    known_hosts.verify(target, KEY)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        entry("other"),
        entry("boards"),
        entry("*,!board"),
        entry("!board"),
        entry("b[o]ard"),
        entry(hashed("other")),
        entry("|1|x"),
        entry("|2|" + hashed("board")[3:]),
        "# " + entry("board"),
        "@cert-authority " + entry("board"),
        "board ecdsa-sha2-nistp256 !!!",
    ],
)
def test_unknown(target: Target, line: str):
    record(target, line)
    with pytest.raises(HostKeyError, match="not known yet"):
        known_hosts.verify(target, KEY)


def test_one_of_several_recorded_keys_is_enough(target: Target):
    record(target, entry("board", OTHER), entry("board"))
    known_hosts.verify(target, KEY)


def test_changed_names_the_line(target: Target):
    record(target, "# a comment", entry("other"), entry(hashed("board"), OTHER))
    with pytest.raises(HostKeyError, match=r"CHANGED.*known_hosts, line 3"):
        known_hosts.verify(target, KEY)


def test_revoked_wins(target: Target):
    record(target, entry("board"), "@revoked " + entry("*"))
    with pytest.raises(HostKeyError, match=r"revoked in .*line 2"):
        known_hosts.verify(target, KEY)


def test_a_port_of_its_own_has_a_key_of_its_own(target: Target):
    elsewhere = replace(target, port=2222)
    record(target, entry("[board]:2222", OTHER), entry("board", OTHER))
    with pytest.raises(HostKeyError, match=r"CHANGED.*line 1"):
        known_hosts.verify(elsewhere, KEY)
    record(target, entry("[board]:2222"), entry("board", OTHER))
    known_hosts.verify(elsewhere, KEY)


@pytest.mark.parametrize("refused", ["[board]:2222", "[b*]:22?2", "[*]:*"])
def test_a_port_may_be_excepted(target: Target, refused: str):
    record(target, entry(f"[*]:*,!{refused}"))
    with pytest.raises(HostKeyError, match="not known yet"):
        known_hosts.verify(replace(target, port=2222), KEY)


def test_the_alias_stands_for_the_host(target: Target):
    record(target, entry("kitchen"), entry("board", OTHER))
    known_hosts.verify(replace(target, host_key_alias="kitchen", port=2222), KEY)


def test_types_to_ask_for(target: Target):
    record(target, entry("board"), "@revoked " + entry("board", OTHER), entry("other"))
    assert known_hosts.key_types(target) == [KEY.get_name()]


@given(st.text(max_size=100), st.text(max_size=20))
def test_no_line_is_too_strange_to_be_passed_over(line: str, name: str):
    found = known_hosts._parse(Path("known_hosts"), 1, line)
    if found is not None:
        found.applies_to(name)


@given(st.text(max_size=60))
def test_no_hash_is_too_strange(text: str):
    assert not known_hosts._matches_hash(f"|1|{text}", "board")
