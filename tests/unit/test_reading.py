"""What strangers wrote is read only where it is a file, and only so much of it."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.reading import MAX_JSON_NESTED, open_regular, parse_json, read_bytes


class TestFiles:
    def test_read(self, tmp_path):
        (tmp_path / "file").write_bytes(b"12345")
        assert read_bytes(tmp_path / "file", 5) == b"12345"

    def test_larger_than_allowed(self, tmp_path):
        (tmp_path / "file").write_bytes(bytes(1025))
        with pytest.raises(OSError, match="larger than 1 KiB"):
            read_bytes(tmp_path / "file", 1024)

    def test_a_sparse_terabyte(self, tmp_path):
        with (tmp_path / "file").open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(OSError, match="larger than 1 MiB"):
            open_regular(tmp_path / "file", 1 << 20)

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/urandom"])
    def test_a_device(self, device):
        with pytest.raises(OSError, match="it is a device"):
            read_bytes(Path(device), 1 << 20)

    def test_a_folder(self, tmp_path):
        with pytest.raises(OSError, match="it is a folder"):
            read_bytes(tmp_path, 1 << 20)

    def test_a_pipe_without_a_writer(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="it is a pipe"):
            read_bytes(tmp_path / "pipe", 1 << 20)

    def test_a_socket(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
            with pytest.raises(OSError, match=r"socket|No such device"):
                read_bytes(Path("socket"), 1 << 20)

    def test_a_file_that_says_it_is_empty_and_never_ends(self):
        with pytest.raises(OSError, match="larger than 1 MiB"):
            read_bytes(Path("/proc/self/pagemap"), 1 << 20)

    def test_no_descriptor_is_left_open(self, tmp_path):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            with pytest.raises(OSError, match="it is a folder"):
                open_regular(tmp_path, 1)
        assert len(os.listdir("/proc/self/fd")) == before


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class TestJson:
    @given(plain)
    def test_what_json_writes(self, value):
        import json

        assert parse_json(json.dumps(value)) == value

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[" * 100_000, "nested too deeply"),
            ('{"a":' * 100_000, "nested too deeply"),
            ("9" * 5_000, "number of 5,000 digits"),
            ("[-" + "1" * 41 + "]", "number of 42 digits"),
            ('{"a": 1, "b": 2, "a": 3}', "the key 'a' twice"),
            ("[" + "[]," * MAX_JSON_NESTED + "[]]", "more values"),
            ("{", "Expecting"),
            ("", "Expecting"),
        ],
        ids=["list", "object", "digits", "negative", "twice", "many", "cut", "empty"],
    )
    def test_refused(self, text, words):
        with pytest.raises(ValueError, match=words):
            parse_json(text)
